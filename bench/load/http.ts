/** HTTP load, by autocannon. */
import autocannon from 'autocannon'
import { BenchFailed } from '../failed.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const CONNECTIONS = 50
/** Requests of the first slice, from which the others' number is known. */
const FIRST = 2000

/** Requests on connections that stay open, each after another's answer. Stands where a pool of sockets stands. */
export class HttpLoad {
  readonly #url: string
  readonly #requests: readonly HttpRequest[]
  #perMs = 0
  /** The library ends on a whole second: the next slice waits for that. */
  #ending: Promise<unknown> = Promise.resolve()

  /** `requests` are sent in turn. */
  constructor(url: string, requests: readonly HttpRequest[]) {
    this.#url = url
    this.#requests = requests
  }

  /** Warms up, and learns how many requests fit into a slice. */
  async prepare(): Promise<void> {
    for (const amount of [FIRST, FIRST]) {
      const { count, seconds } = await this.#send(amount)
      this.#perMs = count / seconds / 1000
    }
  }

  async closed(ms: number): Promise<{ readonly count: number; readonly seconds: number }> {
    await this.#ending
    return this.#send(Math.max(CONNECTIONS, Math.round(this.#perMs * ms)))
  }

  async close(): Promise<void> {
    await this.#ending
  }

  #send(amount: number): Promise<{ readonly count: number; readonly seconds: number }> {
    return new Promise((resolve, reject) => {
      let count = 0
      const begin = performance.now()
      const options = { url: this.#url, connections: CONNECTIONS, amount, requests: this.#requests as never }
      this.#ending = new Promise((ended) => {
        const instance = autocannon(options, () => ended(undefined))
        instance.on('response', (_client, status) => {
          if (status !== 200) reject(new BenchFailed(`${this.#url} answered ${status}`))
          if (++count === amount) resolve({ count, seconds: (performance.now() - begin) / 1000 })
        })
        instance.on('reqError', (error: Error) => reject(new BenchFailed(error.message)))
      })
    })
  }
}
