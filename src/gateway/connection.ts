/** One socket: its phases, its queue in and out, its deadline and its end. */
import { refuseAddress } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Command, Needs } from '../protocol/command.ts'
import { type CloseName, closes } from '../protocol/errors.ts'
import { commandError, event, failure, pingId, pong } from '../protocol/frames.ts'
import { idOf, parseJson } from '../protocol/json.ts'
import type { Peer, Socket } from '../transport/transport.ts'
import type { Entrant, Path } from './authentication.ts'
import { type Caller, type Entry, isOpenCommand, mayUse, type Renewal } from './dispatch.ts'
import { Expiry } from './expiry.ts'
import type { Seat } from './hub.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { closeReason, RECONNECT_SPREAD_MS, type Shared } from './shared.ts'
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
  since = 0
  /** The client's address: the peer's, or what a trusted proxy says. */
  readonly address: string
  /** Opened by a page of another origin. */
  readonly isForeign: boolean
  readonly #shared: Shared
  readonly #socket: Socket
  readonly #watch: Watch
  #phase: Phase = 'auth'
  #who: Principal | null = null
  #inFlight = 0
  /** Commands under way that may have ended this very session: their answers still go out. */
  #lastWords = 0
  #close: { name: CloseName; reason: string } | null = null
  // Made when they are needed, as most sockets at most times need none of them.
  /** null: everything was sent, and is sent as it comes. */
  #outbox: Outbox | null = null
  #inbox: Inbox | null = null
  #subscriptions: Subscriptions | null = null
  #logins: Map<string, string> | null = null
  /** What a command wants done once its answer has gone out. */
  #afterAnswer: (() => void) | null = null
  /** null where a socket lives as long as its grant. */
  readonly #expiry: Expiry | null

  constructor(shared: Shared, socket: Socket, address: string, isForeign: boolean) {
    this.#shared = shared
    this.#socket = socket
    this.address = address
    this.isForeign = isForeign
    this.#watch = new Watch(shared.watchers, address, this)
    const { expiry, watchers } = shared
    this.#expiry =
      expiry === null ? null : new Expiry(shared.deadlines, watchers.clock, expiry, () => this.end('tokenExpired'))
    shared.connections.add(this)
    socket.send(shared.greeting)
  }

  /** The server is going down: what is under way is finished, then the socket is closed. */
  drain(): void {
    if (this.#inFlight === 0) {
      this.end('restarting')
    } else if (this.#phase === 'open' || this.#phase === 'held') {
      this.#phase = 'draining'
      this.#subscriptions?.endPrivileged()
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
        else if (!this.#shared.authentication.bytes(this, data)) this.#knock(decoder.decode(data))
        return
      case 'verifying':
      case 'held':
        // An empty binary frame is malformed, any other has no handler here.
        if (!binary) this.#wait(decoder.decode(data))
        else if (data.byteLength === 0) this.end('malformed')
        return
      case 'open':
      case 'draining':
        if (!binary && this.#pinged(data)) return
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
    if (this.#phase === 'closed' || this.#outbox === null) return
    this.#outbox.drained()
    if (this.#outbox.isIdle) this.#outbox = null
  }

  closed(code: number): void {
    this.#shared.metrics.closed(this.#close === null ? code : closes[this.#close.name].code)
    this.#leave()
    this.#phase = 'closed'
    this.#shared.left(this)
  }

  // Seat

  get who(): Principal {
    // A connection is seated, and answers commands that want somebody, only after it was admitted.
    return this.#who!
  }

  condemn(close: CloseName): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    this.#close = { name: close, reason: '' }
    this.#leave()
    this.#outbox?.clear()
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
    this.#who = who
    this.#subscriptions?.endWhere((needs) => !mayUse(who, needs))
    this.#resume('open')
  }

  // Caller

  get user(): Principal | null {
    return this.#who
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
      with: (token) => {
        this.#afterAnswer = () => {
          if (this.isOutside) this.#shared.authentication.token(this, token)
        }
      },
      fail: () => {
        this.#afterAnswer = () => {
          if (this.#phase === 'verifying') this.#resume('auth')
        }
      },
    }
  }

  renew(token: string): Renewal | Promise<Renewal> {
    return this.#shared.authentication.renew(this.address, token, (who) => this.#move(who, token))
  }

  setFeatures(features: Readonly<Record<string, number | boolean>>): void {
    const coalesces = Object.hasOwn(features, 'coalesce_messages')
    if (coalesces || this.#outbox !== null) this.#queue().coalesce = coalesces
  }

  onExpiring(hear: (text: string) => void): () => void {
    return this.#expiry?.listen(hear) ?? (() => undefined)
  }

  subscribe(needs: Needs, stop: () => void, id = this.lastId): void {
    // The socket may have ended since the command came: what was begun for it is ended at once.
    if (this.#phase === 'ending' || this.#phase === 'closed') {
      stop()
    } else {
      this.#subscriptions ??= new Subscriptions()
      this.#subscriptions.add(id, needs, stop)
    }
  }

  unsubscribe(id: number): boolean {
    return this.#subscriptions?.end(id) ?? false
  }

  deliver(id: number, text: string): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === null) return
    if (this.#phase === 'held') {
      // Whether it may be heard is known when the rights have been read.
      if (!subscriptions.hold(() => this.deliver(id, text))) this.end('overloaded')
    } else if (subscriptions.has(id)) {
      this.reply(event(id, text))
    }
  }

  reply(text: string, command?: Command): void {
    if (this.#phase === 'ending') {
      // The session is over: the one answer that still goes out is that of the command which ended it.
      if (command?.endsSelf === true && this.#lastWords > 0) this.#socket.send(text)
      return
    }
    if (this.#phase === 'closed') return
    if (this.#outbox !== null) this.#outbox.add(text)
    else if (!this.#socket.send(text)) this.#queue().block()
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

  admit(who: Principal, path: Path, token: string): boolean {
    if (refuseAddress(who.localOnly, this.address) !== null) return false
    this.#watch.admitted()
    this.#who = who
    this.since = this.#shared.watchers.clock.now()
    this.#expiry?.arm(token)
    this.#shared.hub.add(this)
    this.#shared.metrics.authenticated('ok', path)
    this.reply(this.#shared.welcome)
    this.#resume('open')
    return true
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  // What the watch and the outbox ask for

  ping(): void {
    this.#socket.ping()
  }

  overflows(): void {
    this.end('slowReader')
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
    if (parsed.kind !== 'value') this.#shared.authentication.malformed(this)
    else if (!isOpenCommand(value)) this.#shared.authentication.message(this, value)
    else if (this.#allows(value)) this.#shared.dispatch(this, value)
  }

  #wait(text: string): void {
    this.#inbox ??= new Inbox()
    if (!this.#inbox.add(text)) this.end('overloaded')
  }

  /** Another session of the same user takes the place of this one; called in the turn of the token's last check. */
  #move(who: Principal, token: string): Renewal {
    if (this.#phase !== 'open' && this.#phase !== 'held' && this.#phase !== 'draining') return 'refused'
    if (who.userId !== this.who.userId) return 'identity_mismatch'
    if (refuseAddress(who.localOnly, this.address) !== null) return 'refused'
    this.#shared.hub.remove(this)
    this.#who = who
    this.#shared.hub.add(this)
    this.#subscriptions?.endWhere((needs) => !mayUse(who, needs))
    this.#expiry?.arm(token)
    return 'renewed'
  }

  /** What waited is taken in its order, as if it came now: one of it may end the connection, or let it wait again. */
  #resume(phase: 'auth' | 'open'): void {
    this.#phase = phase
    const waiting = this.#inbox
    this.#inbox = null
    this.#subscriptions?.release()
    for (const text of waiting?.texts ?? []) {
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

  /** The message that comes most often is known by its bytes. False: it has to be read. */
  #pinged(data: Uint8Array): boolean {
    const id = this.#phase === 'open' ? pingId(data) : 0
    if (id <= this.lastId) return false
    if (this.#watch.admits()) {
      this.lastId = id
      this.reply(pong(id))
    } else {
      this.#tooFast(id)
    }
    return true
  }

  #allows(message: unknown): boolean {
    if (this.#watch.admits()) return true
    this.#tooFast(idOf(message))
    return false
  }

  #tooFast(id: unknown): void {
    this.reply(failure(id, commandError('rate_limited', undefined, RATE_RETRY_MS)))
  }

  #command(message: unknown): void {
    if (this.#phase === 'draining') {
      if (!this.#allows(message)) return
      this.reply(failure(idOf(message), commandError('temporarily_unavailable', undefined, RECONNECT_SPREAD_MS)))
    } else if (this.#phase === 'held') {
      this.#wait(JSON.stringify(message))
    } else if (this.#phase === 'open' && this.#allows(message)) {
      this.#shared.dispatch(this, message)
    }
  }

  // The end

  /** Ends on the server's own account: what was queued goes out first. */
  end(name: CloseName, afterMs?: number): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    this.#close = { name, reason: closeReason(name, afterMs) }
    if (name === 'slowReader') this.#outbox?.clear()
    else this.#outbox?.flushAll()
    this.#leave()
    this.#hangUp()
  }

  #leave(): void {
    this.#watch.stop()
    this.#expiry?.stop()
    if (this.#who !== null && this.#phase !== 'ending' && this.#phase !== 'closed') this.#shared.hub.remove(this)
    if (this.#phase !== 'closed') this.#phase = 'ending'
    this.#inbox = null
    this.#subscriptions?.endAll()
  }

  #queue(): Outbox {
    this.#outbox ??= new Outbox(this.#socket, this.#shared.outboxes, this)
    return this.#outbox
  }

  #hangUp(): void {
    if (this.#phase === 'closed' || this.#close === null) return
    const { name, reason } = this.#close
    const { code } = closes[name]
    this.#socket.close(this.#shared.options.plainClose && code >= 4000 ? 1000 : code, reason)
  }
}
