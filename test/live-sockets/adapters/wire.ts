/**
 * Home Assistant's wire, for the adapters of the two servers that speak it. The person's right is to be an administrator; what
 * needs it is `config/auth/list`, and the push is `user_added`.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Answer, Can, Knock, Live, Person, Refreshed, Session } from '../adapter.ts'

const CLIENT = 'https://example.com/app'
const REDIRECT = 'https://example.com/app/callback'
const ADMINISTRATORS = 'system-admin'
const USERS = 'system-users'
const DAY_MS = 86_400_000

/** Refusals that are an answer to the question; any other error is a fault, and fails the case. */
const DENIED = new Set(['unauthorized', 'only_active_user', 'invalid_access_token', 'identity_mismatch'])

export interface Login {
  readonly username: string
  readonly password: string
}

const OWNER: Login = { username: 'test-user', password: 'test-pass' }

export interface Result {
  readonly success?: boolean
  readonly type: string
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

interface Message extends Result {
  readonly id?: number
  readonly message?: string
  readonly event?: { readonly event_type?: string; readonly data?: { readonly user_id?: string } }
}

interface Tokens {
  readonly access_token: string
  readonly refresh_token?: string
}

/** The session that a token is of. */
export const sessionOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { iss: string }).iss

const answerOf = (result: Result | null): Answer => {
  if (result === null) return 'gone'
  if (result.type === 'pong' || result.success === true) return 'served'
  if (result.error !== undefined && DENIED.has(result.error.code)) return 'denied'
  throw new Error(`a command failed: ${JSON.stringify(result.error)}`)
}

/** What of a socket is not the same in both. */
export interface Extras {
  /** The command that goes on with another token. */
  readonly renew: Can<string>
}

export class WireLive implements Live {
  readonly admitted: Promise<boolean>
  readonly closed: Promise<{ readonly code: number }>
  readonly heard: string[] = []
  readonly whoAmI: () => Promise<string | null>
  readonly renew: Can<(token: string) => Promise<Answer>>
  readonly listen: () => Promise<Answer>
  readonly endOwnSession: () => Promise<Answer>
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (result: Result | null) => void>()
  #session: string
  #lastId = 0
  #settle: (admitted: boolean) => void = () => undefined

  constructor(socket: WebSocket, token: string, { renew }: Extras) {
    this.#socket = socket
    this.#session = token.includes('.') ? sessionOf(token) : ''
    this.admitted = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.closed = new Promise((resolve) => {
      const end = (code: number): void => {
        this.#settle(false)
        for (const answer of this.#waiting.values()) answer(null)
        this.#waiting.clear()
        resolve({ code })
      }
      if (socket.readyState === WebSocket.CLOSED) end(1006)
      else socket.on('close', end)
    })
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Message))
    this.whoAmI = async () => {
      const answer = await this.command('auth/current_user')
      return (answer?.result as { id: string } | undefined)?.id ?? null
    }
    this.renew =
      typeof renew === 'string'
        ? async (access_token) => {
            const answer = answerOf(await this.command(renew, { access_token }))
            if (answer === 'served') this.#session = sessionOf(access_token)
            return answer
          }
        : renew
    this.listen = async () => answerOf(await this.command('subscribe_events', { event_type: 'user_added' }))
    this.endOwnSession = async () =>
      answerOf(await this.command('auth/delete_refresh_token', { refresh_token_id: this.#session }))
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'auth', access_token: token }))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  async ask(): Promise<Answer> {
    return answerOf(await this.command('auth/current_user'))
  }

  async askWithRight(): Promise<Answer> {
    return answerOf(await this.command('config/auth/list'))
  }

  async hangUp(): Promise<void> {
    this.#socket.close()
    await this.closed
  }

  /** Resolves to the answer; null where the socket closes before it. */
  command(type: string, fields: object = {}): Promise<Result | null> {
    if (!this.isOpen) return Promise.resolve(null)
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#socket.send(JSON.stringify({ ...fields, id, type }))
    })
  }

  #take(message: Message): void {
    if (message.type === 'auth_ok') this.#settle(true)
    else if (message.type === 'auth_invalid') this.#settle(false)
    else if (message.type === 'event') this.heard.push(message.event?.data?.user_id ?? '')
    else if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
    }
  }
}

/** A server at an address, and its owner, who is made if there is none. */
export class Wire {
  readonly url: string
  /** What the server says that it is, in its first message. */
  readonly hello: { readonly ha_version?: string; readonly latchkey?: number }
  readonly #extras: Extras
  #ownerToken = ''
  #owner: WireLive | null = null
  readonly #logins = new Map<string, Login>()
  /** A socket of each person, where their own sessions are made and ended. */
  readonly #desks = new Map<string, WireLive>()
  #count = 0

  private constructor(url: string, hello: Wire['hello'], extras: Extras) {
    this.url = url
    this.hello = hello
    this.#extras = extras
  }

  /** Attaches to a server that nobody else uses. */
  static async attach(url: string, extras: Extras): Promise<Wire> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/websocket`)
    const [data] = (await once(socket, 'message')) as [Buffer]
    socket.close()
    const wire = new Wire(url, JSON.parse(String(data)) as Wire['hello'], extras)
    await wire.#beOwner()
    return wire
  }

  async knock(): Promise<Knock> {
    const socket = new WebSocket(`${this.url.replace(/^http/, 'ws')}/api/websocket`)
    const closed = new Promise<{ code: number }>((resolve) => {
      socket.on('close', (code) => resolve({ code }))
    })
    socket.on('error', () => undefined)
    await Promise.race([once(socket, 'message'), closed])
    return { closed, show: (token) => new WireLive(socket, token, this.#extras) }
  }

  /** A socket that is in; rejects where it is not. */
  async enter(token: string): Promise<WireLive> {
    const live = (await this.knock()).show(token) as WireLive
    if (!(await live.admitted)) throw new Error('a socket of the adapter itself is not let in')
    return live
  }

  /** A command of the owner. */
  async own(type: string, fields: object = {}): Promise<unknown> {
    for (;;) {
      if (this.#owner?.isOpen !== true) this.#owner = await this.enter(this.#ownerToken)
      const answer = await this.#owner.command(type, fields)
      // Closed by a clock that was moved, or for its silence.
      if (answer === null) continue
      if (answer.success !== true) throw new Error(`${type}: ${JSON.stringify(answer.error)}`)
      return answer.result
    }
  }

  /** A person who is an administrator, with a password. */
  async person(): Promise<Person> {
    const username = `person-${process.pid}-${++this.#count}-${Math.random().toString(36).slice(2)}`
    const made = await this.own('config/auth/create', { name: username, group_ids: [ADMINISTRATORS] })
    const { id } = (made as { user: Person }).user
    const login = { username, password: 'a long password' }
    await this.own('config/auth_provider/homeassistant/create', { user_id: id, ...login })
    this.#logins.set(id, login)
    return { id }
  }

  async logIn(person: Person, rotate = false): Promise<Session> {
    const tokens = await this.#logIn(this.#logins.get(person.id)!, rotate)
    return this.#session(person, tokens)
  }

  /** A long-lived session, which has one token and no password check. */
  async longLived(person: Person, lifespan = 3650): Promise<Session> {
    const desk = await this.desk(person)
    const fields = { client_name: `session ${++this.#count}`, lifespan }
    const answer = await desk.command('auth/long_lived_access_token', fields)
    if (answer?.success !== true) throw new Error(`a long-lived token: ${JSON.stringify(answer?.error)}`)
    return this.#session(person, { access_token: answer.result as string })
  }

  /** A socket of the person, of a session of its own. */
  async desk(person: Person): Promise<WireLive> {
    const open = this.#desks.get(person.id)
    if (open?.isOpen === true) return open
    const desk = await this.enter((await this.logIn(person)).token)
    this.#desks.set(person.id, desk)
    return desk
  }

  async refresh(secret: string, attempt?: string): Promise<Refreshed> {
    const fields = { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: secret }
    const response = await this.#form('/auth/token', attempt === undefined ? fields : { ...fields, attempt })
    if (response.status === 200) {
      const { access_token, refresh_token = secret } = (await response.json()) as Tokens
      return { token: access_token, secret: refresh_token }
    }
    await response.text()
    if (response.status === 503) return 'again'
    if (response.status === 400 || response.status === 403) return 'refused'
    throw new Error(`a refresh: ${response.status}`)
  }

  /** Ends a session with its refresh token, over HTTP. */
  async revokeSecret(secret: string): Promise<void> {
    const response = await this.#form('/auth/revoke', { token: secret })
    await response.text()
    if (response.status !== 200) throw new Error(`a revocation: ${response.status}`)
  }

  /** Ends a session as the person whose it is, with this command. Where it has ended already, that is well. */
  async endOwn({ id, person }: Session, command: string): Promise<void> {
    const answer = await (await this.desk(person)).command(command, { refresh_token_id: id })
    if (answer?.success !== true && answer?.error?.code !== 'invalid_token_id') {
      throw new Error(`a revocation: ${JSON.stringify(answer)}`)
    }
  }

  async deactivate({ id }: Person): Promise<void> {
    await this.own('config/auth/update', { user_id: id, is_active: false })
  }

  async remove({ id }: Person): Promise<void> {
    await this.own('config/auth/delete', { user_id: id })
  }

  async lower({ id }: Person): Promise<void> {
    await this.own('config/auth/update', { user_id: id, group_ids: [USERS] })
  }

  async raise({ id }: Person): Promise<void> {
    await this.own('config/auth/update', { user_id: id, group_ids: [ADMINISTRATORS] })
  }

  async push(): Promise<string> {
    return ((await this.own('config/auth/create', { name: 'a push' })) as { user: Person }).user.id
  }

  /** What of a system is the same in both. */
  get common() {
    return {
      person: () => this.person(),
      longToken: async (person: Person) => ({ token: (await this.longLived(person)).token, lifeMs: 3650 * DAY_MS }),
      knock: () => this.knock(),
      deactivate: (person: Person) => this.deactivate(person),
      remove: (person: Person) => this.remove(person),
      lower: (person: Person) => this.lower(person),
      raise: (person: Person) => this.raise(person),
      push: () => this.push(),
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.#owner, ...this.#desks.values()].map((live) => live?.hangUp()))
  }

  #session(person: Person, { access_token, refresh_token }: Tokens): Session {
    return { id: sessionOf(access_token), person, token: access_token, secret: refresh_token ?? null }
  }

  async #beOwner(): Promise<void> {
    const client = { ...OWNER, name: 'Test User', language: 'en', client_id: CLIENT }
    const steps = await this.#json('/api/onboarding/users', client)
    const code = steps.status === 200 ? ((await steps.json()) as { auth_code: string }).auth_code : null
    const { access_token } = code === null ? await this.#logIn(OWNER, false) : await this.#exchange(code, false)
    this.#owner = await this.enter(access_token)
    const fields = { client_name: `owner ${Math.random().toString(36).slice(2)}`, lifespan: 3650 }
    this.#ownerToken = (await this.own('auth/long_lived_access_token', fields)) as string
  }

  async #logIn(login: Login, rotate: boolean): Promise<Tokens> {
    const handler = ['homeassistant', null]
    const flow = await this.#json('/auth/login_flow', { client_id: CLIENT, redirect_uri: REDIRECT, handler })
    const { flow_id } = (await flow.json()) as { flow_id: string }
    const step = await this.#json(`/auth/login_flow/${flow_id}`, { client_id: CLIENT, ...login })
    const { result } = (await step.json()) as { result?: string }
    if (result === undefined) throw new Error(`a login: ${flow.status}, ${step.status}`)
    return this.#exchange(result, rotate)
  }

  async #exchange(code: string, rotate: boolean): Promise<Tokens> {
    const fields = { grant_type: 'authorization_code', client_id: CLIENT, code }
    const response = await this.#form('/auth/token', rotate ? { ...fields, rotate: '1' } : fields)
    if (response.status !== 200) throw new Error(`a code: ${response.status} ${await response.text()}`)
    return (await response.json()) as Tokens
  }

  #json(path: string, body: unknown): Promise<Response> {
    return fetch(this.url + path, { method: 'POST', body: JSON.stringify(body) })
  }

  #form(path: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    return fetch(this.url + path, { method: 'POST', body: new URLSearchParams(fields) })
  }
}
