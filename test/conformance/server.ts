/** The server that the suite talks to: the one at a given address, or a gateway of its own for each transport. */
import { type IncomingHttpHeaders, request } from 'node:http'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type RawSocket, rawSocket } from '../socket.ts'
import { type Deviation, deviations } from './deviations.ts'

/** The client that the suite logs in as, and where it is redirected to. */
export const CLIENT = 'https://example.com/app'
export const REDIRECT = 'https://example.com/app/callback'
export const OWNER = { username: 'test-user', password: 'test-pass' }

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly json: unknown
}

export interface Ask {
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  readonly multipart?: Readonly<Record<string, string>>
  /** A body as it is. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The address to ask from: any of 127.0.0.0/8. */
  readonly from?: string
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
}

export interface Result {
  readonly id: number
  readonly type: string
  readonly success?: boolean
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly [more: string]: unknown }
}

/** An authenticated socket that counts its ids. */
export interface Commands extends RawSocket {
  /** Sends a command and resolves to the answer with its id. */
  command(type: string, fields?: Readonly<Record<string, unknown>>): Promise<Result>
}

export interface NewUser {
  readonly user: string
  readonly login: { readonly username: string; readonly password: string }
  readonly tokens: Tokens
  readonly owner: Commands
}

const MULTIPART_BOUNDARY = 'conformance-boundary'

const bodyOf = ({ json, form, multipart, text }: Ask): { body?: string; type?: string } => {
  if (json !== undefined) return { body: JSON.stringify(json), type: 'application/json' }
  if (form !== undefined) {
    return { body: new URLSearchParams(form).toString(), type: 'application/x-www-form-urlencoded' }
  }
  if (multipart !== undefined) {
    const parts = Object.entries(multipart).map(
      ([name, value]) =>
        `--${MULTIPART_BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    return {
      body: `${parts.join('')}--${MULTIPART_BOUNDARY}--\r\n`,
      type: `multipart/form-data; boundary=${MULTIPART_BOUNDARY}`,
    }
  }
  return text === undefined ? {} : { body: text }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export class Server {
  readonly url: string
  readonly isLatchkey: boolean

  constructor(url: string, isLatchkey: boolean) {
    this.url = url
    this.isLatchkey = isLatchkey
  }

  ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const { body, type } = bodyOf(ask)
    const { hostname, port } = new URL(this.url)
    const headers: Record<string, string> = {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      ...ask.headers,
    }
    const from = ask.from === undefined ? {} : { localAddress: ask.from }
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, path, method, headers, ...from, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (data) => {
          text += data
        })
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, text, json: parsed(text) }),
        )
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** Begins a login; resolves to the flow's id. */
  async flow(clientId: string = CLIENT, redirectUri: string = REDIRECT, from?: string): Promise<string> {
    const { status, json, text } = await this.ask('POST', '/auth/login_flow', {
      json: { client_id: clientId, handler: ['homeassistant', null], redirect_uri: redirectUri },
      ...(from === undefined ? {} : { from }),
    })
    expect(status, text).toBe(200)
    return (json as { flow_id: string }).flow_id
  }

  step(flow: string, input: Readonly<Record<string, unknown>>, more: Ask = {}): Promise<Answer> {
    return this.ask('POST', `/auth/login_flow/${flow}`, { json: { client_id: CLIENT, ...input }, ...more })
  }

  /** Logs in; resolves to the code. */
  async code(user = OWNER): Promise<string> {
    const { json, text } = await this.step(await this.flow(), user)
    const { result } = json as { result?: string }
    expect(result, text).toBeTypeOf('string')
    return result!
  }

  token(form: Readonly<Record<string, string>>, more: Ask = {}): Promise<Answer> {
    return this.ask('POST', '/auth/token', { form, ...more })
  }

  exchange(code: string): Promise<Answer> {
    return this.token({ grant_type: 'authorization_code', client_id: CLIENT, code })
  }

  refresh(secret: string): Promise<Answer> {
    return this.token({ grant_type: 'refresh_token', client_id: CLIENT, refresh_token: secret })
  }

  /** A new session. */
  async session(user = OWNER): Promise<Tokens> {
    const { status, json, text } = await this.exchange(await this.code(user))
    expect(status, text).toBe(200)
    return json as Tokens
  }

  /** Status of `GET /api/` with a bearer token. */
  async bearer(token: string, from?: string): Promise<number> {
    const headers = { authorization: `Bearer ${token}` }
    return (await this.ask('GET', '/api/', { headers, ...(from === undefined ? {} : { from }) })).status
  }

  /** A socket that has read `auth_required`. */
  async open(): Promise<RawSocket> {
    const socket = rawSocket(this.url)
    expect(await socket.next()).toMatchObject({ type: 'auth_required' })
    return socket
  }

  /** A socket that is authenticated, as the owner unless another token is given. */
  async authenticated(token?: string): Promise<Commands> {
    const socket = await this.open()
    socket.send({ type: 'auth', access_token: token ?? (await this.session()).access_token })
    expect(await socket.next()).toMatchObject({ type: 'auth_ok' })
    let id = 0
    return {
      ...socket,
      command: async (type, fields = {}) => {
        const mine = ++id
        socket.send({ id: mine, type, ...fields })
        for (;;) {
          const answer = (await socket.next()) as Result
          if (answer.id === mine && answer.type !== 'event') return answer
        }
      },
    }
  }

  /** A new user with a password, in the given groups, with a session; and the owner's socket that made it. */
  async user(group_ids: readonly string[] = ['system-users']): Promise<NewUser> {
    const owner = await this.authenticated()
    const username = `user-${Math.random().toString(36).slice(2)}`
    const made = await owner.command('config/auth/create', { name: username, group_ids })
    const { id } = (made.result as { user: { id: string } }).user
    const credential = { user_id: id, username, password: 'secret words' }
    const given = await owner.command('config/auth_provider/homeassistant/create', credential)
    expect(given).toMatchObject({ success: true })
    const login = { username, password: credential.password }
    return { user: id, login, tokens: await this.session(login), owner }
  }

  /** What this server answers where the two differ. The difference must stand in the table. */
  differs<T>(name: keyof typeof deviations, homeAssistant: T, latchkey: T): T {
    expect(deviations[name] satisfies Deviation | undefined).toBeDefined()
    return this.isLatchkey ? latchkey : homeAssistant
  }

  /** The code of a close frame: Home Assistant has one for everything. */
  close(latchkey: number): number {
    return this.differs('close codes', 1000, latchkey)
  }
}

const isLatchkey = async (url: string): Promise<boolean> => {
  const socket = rawSocket(url)
  const hello = (await socket.next()) as Record<string, unknown>
  socket.socket.terminate()
  return 'latchkey' in hello
}

/** Makes the owner, unless an earlier file of the same run has. */
const onboard = async (server: Server): Promise<void> => {
  const steps = await server.ask('GET', '/api/onboarding')
  const isDone = steps.status === 404 || (steps.json as { done: boolean }[])[0]!.done
  if (isDone) return
  const json = { ...OWNER, name: 'Test User', language: 'en', client_id: CLIENT }
  expect((await server.ask('POST', '/api/onboarding/users', { json })).status).toBe(200)
}

// The sources are not touched where an address was given.
const given = process.env['LATCHKEY_CONFORMANCE_URL']
const ours = given === undefined ? await import('../transports.ts') : null

/** Registers a suite for the server of `LATCHKEY_CONFORMANCE_URL`, else for a gateway of each transport. */
export const describeServers = (name: string, tests: (server: () => Server) => void): void => {
  let server: Server
  const begin = async (url: string): Promise<void> => {
    server = new Server(url, await isLatchkey(url))
    await onboard(server)
  }
  if (given !== undefined) {
    describe(`${name} (${given})`, () => {
      beforeAll(() => begin(given))
      tests(() => server)
    })
    return
  }
  ours!.describeTransports(name, (start) => {
    beforeAll(async () => begin((await start()).url))
    afterAll(async () => (await import('../rig.ts')).closeRigs())
    tests(() => server)
  })
}
