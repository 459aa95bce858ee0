/** One socket: its phases, its queue in and out, its deadline and its end. */
import { refuseAddress } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Command, Needs } from '../protocol/command.ts'
import { type CloseName, closes } from '../protocol/errors.ts'
import { authOk, authRequired, commandError, event, failure } from '../protocol/frames.ts'
import { idOf, parseJson } from '../protocol/json.ts'
import type { Peer, Socket } from '../transport/transport.ts'
import { Authentication, type Entrant, type Path } from './authentication.ts'
import { type Caller, type Entry, type May, mayUse, type Renewal } from './dispatch.ts'
import type { Seat } from './hub.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { closeReason, type Origin, RECONNECT_SPREAD_MS, type Shared } from './shared.ts'
import { Standing } from './standing.ts'
import { Subscriptions } from './subscriptions.ts'
import { Watch } from './watch.ts'

/** `held`: authenticated, but what it may do is being read again. `ending`: nothing more is executed. */
type Phase = 'auth' | 'verifying' | 'open' | 'held' | 'draining' | 'ending' | 'closed'

/** A message too many may be sent again after this. */
const RATE_RETRY_MS = 1000
/** A revocation of one's own session waits this long at most for its own answer. */
const LAST_WORD_MS = 2000
const DRAIN_MS = 10_000

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Connection implements Peer, Seat, Caller, Entrant {
  lastId = 0
  readonly #shared: Shared
  readonly #socket: Socket
  /** The client's address: the peer's, or what a trusted proxy says. */
  readonly address: string
  readonly #outbox: Outbox
  readonly #left: (connection: Connection) => void
  #phase: Phase = 'auth'
  /** null before authentication. */
  #standing: Standing | null = null
  readonly #watch: Watch
  readonly #inbox = new Inbox()
  readonly #subscriptions = new Subscriptions()
  #inFlight = 0
  /** Commands under way that may have ended this very session: their answers still go out. */
  #lastWords = 0
  #close: { name: CloseName; reason: string } | null = null
  readonly #authentication: Authentication
  readonly #isForeign: () => boolean
  /** Few sockets ever log in by themselves: the others carry no map. */
  #logins: Map<string, string> | null = null
  /** What a command wants done once its answer has gone out. */
  #afterAnswer: (() => void) | null = null

  /** `left` is called once, when the socket is gone. */
  constructor(shared: Shared, socket: Socket, from: Origin, left: (connection: Connection) => void) {
    this.#shared = shared
    this.address = from.address
    this.#isForeign = from.isForeign
    this.#authentication = new Authentication(shared, this)
    this.#left = left
    this.#socket = socket
    this.#outbox = new Outbox(socket, shared.outboxes, () => this.end('slowReader'))
    this.#watch = new Watch(shared.watchers, from.address, {
      ping: () => socket.ping(),
      end: (close) => this.end(close),
    })
    socket.send(authRequired(shared.options.haVersion))
  }

  /** The server is going down: what is under way is finished, then the socket is closed. */
  drain(): void {
    if (this.#inFlight === 0) {
      this.end('restarting')
    } else if (this.#phase === 'open' || this.#phase === 'held') {
      this.#phase = 'draining'
      this.#subscriptions.endPrivileged()
      this.#shared.deadlines.add(DRAIN_MS, () => this.end('restarting'))
    }
  }

  /** Its address was banned: whoever is in stays in, the others go. */
  ban(remainingMs: number): void {
    if (this.#phase === 'auth' || this.#phase === 'verifying') this.end('banned', remainingMs)
  }

  // Peer

  message(data: Uint8Array, binary: boolean): void {
    this.#watch.heard()
    switch (this.#phase) {
      case 'auth':
        if (data.byteLength > this.#shared.options.messageBeforeAuth) this.end('tooBig')
        else if (binary) this.end('unsupportedData')
        else this.#knock(decoder.decode(data))
        return
      case 'verifying':
      case 'held':
        // An empty binary frame is malformed, any other has no handler here.
        if (!binary) this.#wait(decoder.decode(data))
        else if (data.byteLength === 0) this.end('malformed')
        return
      case 'open':
      case 'draining':
        if (!binary) this.#commands(decoder.decode(data))
        else if (data.byteLength === 0) this.end('malformed')
        else this.#watch.admits()
        return
      default:
    }
  }

  pinged(): void {
    this.#watch.pinged()
  }

  ponged(): void {
    this.#watch.heard()
  }

  drained(): void {
    if (this.#phase !== 'closed') this.#outbox.drained()
  }

  closed(code: number): void {
    this.#shared.metrics.closed(this.#close === null ? code : closes[this.#close.name].code)
    this.#leave()
    this.#phase = 'closed'
    this.#left(this)
  }

  // Seat

  get who(): Principal {
    return this.standing.who
  }

  get since(): number {
    return this.standing.since
  }

  condemn(close: CloseName): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    this.#close = { name: close, reason: '' }
    this.#leave()
    this.#outbox.clear()
  }

  depart(): void {
    if (this.#phase === 'closed') return
    if (this.#lastWords === 0) this.#hangUp()
    else this.#shared.deadlines.add(LAST_WORD_MS, () => this.#hangUp())
  }

  hold(): void {
    if (this.#phase === 'open') this.#phase = 'held'
  }

  release(who: Principal): void {
    if (this.#phase !== 'held') return
    if (refuseAddress(who.localOnly, this.address) !== null) {
      this.end('userInactive')
      return
    }
    this.standing.who = who
    this.#subscriptions.endWhere((needs) => !mayUse(who, needs))
    this.#resume('open')
  }

  // Caller

  get user(): Principal | null {
    return this.#standing?.who ?? null
  }

  get standing(): Standing {
    // A connection is seated, and answers commands that want somebody, only after it was admitted.
    return this.#standing!
  }

  get isForeign(): boolean {
    return this.#isForeign()
  }

  get logins(): Map<string, string> {
    this.#logins ??= new Map()
    return this.#logins
  }

  loginsChanged(): void {
    this.#watch.expect(this.logins.size > 0)
  }

  enter(): Entry {
    this.#phase = 'verifying'
    return {
      with: (token, isLogin) => {
        this.#afterAnswer = () => {
          if (this.isOutside) this.#authentication.token(token, isLogin)
        }
      },
      fail: () => {
        this.#afterAnswer = () => {
          if (this.#phase === 'verifying') this.#resume('auth')
        }
      },
    }
  }

  renew(token: string, isLogin: boolean): Promise<Renewal> {
    return this.#authentication.renew(token, (who) => this.#move(who, token, isLogin))
  }

  setFeatures(features: Readonly<Record<string, number | boolean>>): void {
    this.#outbox.coalesce = Object.hasOwn(features, 'coalesce_messages')
    if (features['step_up']) this.standing.freshness.isOffered = true
  }

  subscribe(needs: Needs | May, stop: () => void, id = this.lastId): void {
    // The socket may have ended since the command came: what was begun for it is ended at once.
    if (this.#phase === 'ending' || this.#phase === 'closed') stop()
    else this.#subscriptions.add(id, needs, stop)
  }

  unsubscribe(id: number): boolean {
    return this.#subscriptions.end(id)
  }

  deliver(id: number, text: string, may?: May): void {
    if (this.#phase === 'held') {
      // Whether it may be heard is known when the rights have been read.
      if (!this.#subscriptions.hold(() => this.deliver(id, text, may))) this.end('overloaded')
    } else if (this.#subscriptions.has(id) && (may === undefined || mayUse(this.user, may))) {
      this.reply(event(id, text))
    }
  }

  reply(text: string, command?: Command): void {
    if (this.#phase === 'ending') {
      // The session is over: the one answer that still goes out is that of the command which ended it.
      if (command?.endsSelf === true && this.#lastWords > 0) this.#socket.send(text)
      return
    }
    if (this.#phase !== 'closed') this.#outbox.add(text)
  }

  begin(command: Command): () => void {
    this.#inFlight++
    if (command.endsSelf === true) this.#lastWords++
    return () => {
      this.#inFlight--
      const next = this.#afterAnswer
      this.#afterAnswer = null
      next?.()
      if (command.endsSelf === true && --this.#lastWords === 0 && this.#phase === 'ending') this.#hangUp()
      if (this.#phase === 'draining' && this.#inFlight === 0) this.end('restarting')
    }
  }

  // Entrant

  get isOutside(): boolean {
    return this.#phase === 'auth' || this.#phase === 'verifying'
  }

  verifying(): void {
    this.#phase = 'verifying'
  }

  admit(who: Principal, path: Path, token: string, isLogin: boolean): boolean {
    if (refuseAddress(who.localOnly, this.address) !== null) return false
    this.#watch.admitted()
    this.#standing = new Standing(this.#shared.standings, () => this.end('tokenExpired'), who, token, isLogin)
    this.#shared.hub.add(this)
    this.#shared.metrics.authenticated('ok', path)
    this.#outbox.add(authOk(this.#shared.options.haVersion))
    this.#resume('open')
    return true
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  // Commands

  /** A message before authentication: the `auth` message, or a command that anyone may send. */
  #knock(text: string): void {
    const parsed = parseJson(text)
    if (parsed.kind === 'malformed') {
      this.end('malformed')
      return
    }
    const { value } = parsed
    if (parsed.kind !== 'value') this.#authentication.malformed()
    else if (!this.#shared.commands.isOpenCommand(value)) this.#authentication.message(value)
    else if (this.#allows(value)) this.#shared.commands.dispatch(this, value)
  }

  #wait(text: string): void {
    if (!this.#inbox.add(text)) this.end('overloaded')
  }

  /** Another session of the same user takes the place of this one; called in the turn of the token's last check. */
  #move(who: Principal, token: string, isLogin: boolean): Renewal {
    if (this.#phase !== 'open' && this.#phase !== 'held' && this.#phase !== 'draining') return 'refused'
    if (who.userId !== this.who.userId) return 'identity_mismatch'
    if (refuseAddress(who.localOnly, this.address) !== null) return 'refused'
    this.#shared.hub.remove(this)
    this.standing.move(who, token, isLogin)
    this.#shared.hub.add(this)
    this.#subscriptions.endWhere((needs) => !mayUse(who, needs))
    // What is being read again is for the session that it has left, and would not find it: this session was read later.
    if (this.#phase === 'held') this.#resume('open')
    else this.standing.tellRights()
    return 'renewed'
  }

  /** What waited is taken in its order, as if it came now: one of it may end the connection, or let it wait again. */
  #resume(phase: 'auth' | 'open'): void {
    this.#phase = phase
    const waiting = this.#inbox.take()
    this.#standing?.tellRights()
    this.#subscriptions.release()
    for (const text of waiting) {
      if (this.#is('auth')) this.#knock(text)
      else if (this.#is('open')) this.#commands(text)
      else if (this.#is('held') || this.#is('verifying')) this.#wait(text)
    }
  }

  // A call may have changed the phase: asked anew, so that the compiler does not believe an older answer.
  #is(phase: Phase): boolean {
    return this.#phase === phase
  }

  #commands(text: string): void {
    const parsed = parseJson(text)
    if (parsed.kind === 'malformed') {
      this.end('malformed')
      return
    }
    const { value } = parsed
    if (parsed.kind === 'forbidden') {
      if (!this.#allows(value)) return
      this.reply(failure(idOf(value), commandError('invalid_format')))
      return
    }
    if (Array.isArray(value) && value.length === 0) this.#watch.admits()
    for (const message of Array.isArray(value) ? value : [value]) this.#command(message)
  }

  #allows(message: unknown): boolean {
    if (this.#watch.admits()) return true
    this.reply(failure(idOf(message), commandError('rate_limited', undefined, RATE_RETRY_MS)))
    return false
  }

  #command(message: unknown): void {
    if (this.#phase === 'draining') {
      if (!this.#allows(message)) return
      this.reply(failure(idOf(message), commandError('temporarily_unavailable', undefined, RECONNECT_SPREAD_MS)))
    } else if (this.#phase === 'held') {
      this.#wait(JSON.stringify(message))
    } else if (this.#phase === 'open' && this.#allows(message)) {
      this.#shared.commands.dispatch(this, message)
    }
  }

  // The end

  /** Ends on the server's own account: what was queued goes out first. */
  end(name: CloseName, afterMs?: number): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    this.#close = { name, reason: closeReason(name, afterMs) }
    if (name === 'slowReader') this.#outbox.clear()
    else this.#outbox.flushAll()
    this.#leave()
    this.#hangUp()
  }

  #leave(): void {
    this.#watch.stop()
    this.#standing?.stop()
    if (this.#standing !== null && this.#phase !== 'ending' && this.#phase !== 'closed') this.#shared.hub.remove(this)
    if (this.#phase !== 'closed') this.#phase = 'ending'
    this.#inbox.take()
    this.#subscriptions.endAll()
  }

  #hangUp(): void {
    if (this.#phase === 'closed' || this.#close === null) return
    const { name, reason } = this.#close
    const { code } = closes[name]
    this.#socket.close(this.#shared.options.plainClose && code >= 4000 ? 1000 : code, reason)
  }
}
