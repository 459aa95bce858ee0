/** Logins with a password over HTTP: two requests each, the second of which costs the server a password hash. */

import { Agent, request } from 'node:http'
import { BenchFailed } from '../failed.ts'
import type { Sliced } from '../measure.ts'

/** One login; rejects where it is not let in. */
export type LogIn = () => Promise<void>

/** Connections that stay open: `fetch` takes four times as long, on the core that is to compute hashes. */
const agent = new Agent({ keepAlive: true })

const post = (url: string, body: unknown): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    const text = JSON.stringify(body)
    const headers = { 'content-length': Buffer.byteLength(text) }
    const asking = request(url, { method: 'POST', agent, headers }, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (some: string) => {
        answer += some
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(answer) as Record<string, unknown>)
        else reject(new BenchFailed(`${url} answered ${response.statusCode}`))
      })
    })
    asking.on('error', (error) => reject(new BenchFailed(`${url}: ${error.message}`)))
    asking.end(text)
  })

/** Home Assistant's login flow. */
export const flowLogin = (
  url: string,
  clientId: string,
  { username, password }: { readonly username: string; readonly password: string },
): LogIn => {
  const flow = `${url}/auth/login_flow`
  return async () => {
    const form = await post(flow, { client_id: clientId, redirect_uri: clientId, handler: ['homeassistant', null] })
    const done = await post(`${flow}/${String(form['flow_id'])}`, { client_id: clientId, username, password })
    if (done['type'] !== 'create_entry') throw new BenchFailed(`not logged in: ${JSON.stringify(done)}`)
  }
}

/** What a login cannot do without: one hash. */
export const bareLogin =
  (url: string): LogIn =>
  async () => {
    await post(url, {})
  }

export class LoginLoad implements Sliced {
  readonly #logIn: LogIn
  readonly #parallel: number

  constructor(logIn: LogIn, parallel: number) {
    this.#logIn = logIn
    this.#parallel = parallel
  }

  async closed(ms: number): Promise<{ readonly count: number; readonly seconds: number }> {
    const begin = performance.now()
    let count = 0
    const chain = async (): Promise<void> => {
      while (performance.now() - begin < ms) {
        await this.#logIn()
        count++
      }
    }
    await Promise.all(Array.from({ length: this.#parallel }, chain))
    return { count, seconds: (performance.now() - begin) / 1000 }
  }
}

/** Begins something that is a promise, for an open loop. */
export const beginning = (work: () => Promise<void>): { begin(done: () => void): boolean } => ({
  begin: (done) => {
    // What fails is never done, and so is lost.
    work().then(done, () => undefined)
    return true
  },
})
