/** One socket: its phases, its queue in and out, its deadline and its end. */
import { refuseAddress } from '../auth/access.ts'
import type { Bans } from '../auth/bans.ts'
import type { Principal } from '../auth/principal.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Log } from '../log.ts'
import type { Command, Needs } from '../protocol/command.ts'
import { type CloseName, closes } from '../protocol/errors.ts'
import {
  AUTH_INVALID,
  AUTH_MALFORMED,
  authFrame,
  authInvalid,
  authOk,
  authRequired,
  commandError,
  event,
  failure,
  MAX_TOKEN_LENGTH,
} from '../protocol/frames.ts'
import { idOf, parseJson } from '../protocol/json.ts'
import type { Peer, Socket } from '../transport/transport.ts'
import type { Deadlines } from './deadlines.ts'
import { type Caller, type Dispatch, mayUse } from './dispatch.ts'
import type { Hub, Seat } from './hub.ts'
import { Inbox } from './inbox.ts'
import type { Metrics } from './metrics.ts'
import { Outbox, type OutboxLimits } from './outbox.ts'
import { Subscriptions } from './subscriptions.ts'
import { Watch, type Watchers } from './watch.ts'

export interface ConnectionOptions {
  readonly haVersion: string
  /** Close with 1000 instead of the 4xxx codes. */
  readonly plainClose: boolean
  /** Bytes of a message before authentication. */
  readonly messageBeforeAuth: number
}

/** What all connections of a gateway share. */
export interface Shared {
  readonly verifier: Verifier
  readonly bans: Bans
  readonly hub: Hub
  readonly dispatch: Dispatch
  readonly deadlines: Deadlines
  readonly watchers: Watchers
  readonly outboxes: OutboxLimits
  readonly metrics: Metrics
  readonly log: Log
  readonly options: ConnectionOptions
}

/** `held`: authenticated, but what it may do is being read again. `ending`: nothing more is executed. */
type Phase = 'auth' | 'verifying' | 'open' | 'held' | 'draining' | 'ending' | 'closed'

/** A message too many may be sent again after this. */
const RATE_RETRY_MS = 1000
/** A revocation of one's own session waits this long at most for its own answer. */
const LAST_WORD_MS = 2000
const DRAIN_MS = 10_000
/** Clients that are sent away come back spread over this time. */
const RECONNECT_SPREAD_MS = 10_000

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Connection implements Peer, Seat, Caller {
  lastId = 0
  readonly #shared: Shared
  readonly #socket: Socket
  /** The client's address: the peer's, or what a trusted proxy says. */
  readonly address: string
  readonly #outbox: Outbox
  readonly #left: (connection: Connection) => void
  #phase: Phase = 'auth'
  #who: Principal | null = null
  readonly #watch: Watch
  readonly #inbox = new Inbox()
  readonly #subscriptions = new Subscriptions()
  #inFlight = 0
  /** Commands under way that may have ended this very session: their answers still go out. */
  #lastWords = 0
  #close: { name: CloseName; reason: string } | null = null

  /** `left` is called once, when the socket is gone. */
  constructor(shared: Shared, socket: Socket, address: string, left: (connection: Connection) => void) {
    this.#shared = shared
    this.address = address
    this.#left = left
    this.#socket = socket
    this.#outbox = new Outbox(socket, shared.outboxes, () => this.#end('slowReader'))
    this.#watch = new Watch(shared.watchers, address, {
      ping: () => socket.ping(),
      end: (close) => this.#end(close),
    })
    socket.send(authRequired(shared.options.haVersion))
  }

  /** The server is going down: what is under way is finished, then the socket is closed. */
  drain(): void {
    if (this.#inFlight === 0) {
      this.#end('restarting')
    } else if (this.#phase === 'open' || this.#phase === 'held') {
      this.#phase = 'draining'
      this.#subscriptions.endPrivileged()
      this.#shared.deadlines.add(DRAIN_MS, () => this.#end('restarting'))
    }
  }

  /** Its address was banned: whoever is in stays in, the others go. */
  ban(remainingMs: number): void {
    if (this.#phase === 'auth' || this.#phase === 'verifying') this.#end('banned', remainingMs)
  }

  // Peer

  message(data: Uint8Array, binary: boolean): void {
    this.#watch.heard()
    switch (this.#phase) {
      case 'auth':
        if (data.byteLength > this.#shared.options.messageBeforeAuth) this.#end('tooBig')
        else if (binary) this.#end('unsupportedData')
        else this.#authenticate(decoder.decode(data))
        return
      case 'verifying':
      case 'held':
        // An empty binary frame is malformed, any other has no handler here.
        if (!binary) this.#wait(decoder.decode(data))
        else if (data.byteLength === 0) this.#end('malformed')
        return
      case 'open':
      case 'draining':
        if (!binary) this.#commands(decoder.decode(data))
        else if (data.byteLength === 0) this.#end('malformed')
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
    // A connection is seated and dispatches only after it was admitted.
    return this.#who!
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
      this.#end('userInactive')
      return
    }
    this.#who = who
    this.#subscriptions.endWhere((needs) => !mayUse(who, needs))
    this.#resume()
  }

  // Caller

  setFeatures(features: Readonly<Record<string, number | boolean>>): void {
    this.#outbox.coalesce = Object.hasOwn(features, 'coalesce_messages')
  }

  subscribe(needs: Needs, stop: () => void): void {
    // The socket may have ended since the command came: what was begun for it is ended at once.
    if (this.#phase === 'ending' || this.#phase === 'closed') stop()
    else this.#subscriptions.add(this.lastId, needs, stop)
  }

  unsubscribe(id: number): boolean {
    return this.#subscriptions.end(id)
  }

  deliver(id: number, text: string): void {
    if (this.#phase === 'held') {
      // Whether it may be heard is known when the rights have been read.
      if (!this.#subscriptions.hold(() => this.deliver(id, text))) this.#end('overloaded')
    } else if (this.#subscriptions.has(id)) {
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
      if (command.endsSelf === true && --this.#lastWords === 0 && this.#phase === 'ending') this.#hangUp()
      if (this.#phase === 'draining' && this.#inFlight === 0) this.#end('restarting')
    }
  }

  // Authentication

  #authenticate(text: string): void {
    const parsed = parseJson(text)
    if (parsed.kind === 'malformed') {
      this.#end('malformed')
      return
    }
    const frame = parsed.kind === 'value' ? authFrame.safeParse(parsed.value) : null
    if (frame === null || !frame.success) {
      this.#refuse(AUTH_MALFORMED, 'malformed')
      return
    }
    const token = 'access_token' in frame.data ? (frame.data.access_token ?? '') : ''
    if (token === '' || token.length > MAX_TOKEN_LENGTH) this.#deny('none')
    else this.#verify(token)
  }

  #verify(token: string): void {
    const known = this.#shared.verifier.known(token)
    if (known !== undefined) {
      if (known === null) this.#denyToken(token, 'cached')
      else this.#admit(known, 'cached')
      return
    }
    this.#phase = 'verifying'
    this.#shared.verifier
      // Admitted in the turn of the last check: a revocation later than that finds the seat.
      .verify(token, (who) => this.#admit(who, 'looked_up'))
      .then((who) => {
        if (who === null) this.#denyToken(token, 'looked_up')
      })
      .catch((error: unknown) => {
        this.#shared.log.warn({ err: error }, 'token could not be verified')
        this.#end('overloaded')
      })
  }

  #admit(who: Principal, path: 'cached' | 'looked_up'): void {
    // The socket may have closed, or its time may have run out, while the grant was read.
    if (this.#phase !== 'auth' && this.#phase !== 'verifying') return
    if (refuseAddress(who.localOnly, this.address) !== null) {
      this.#deny(path)
      return
    }
    this.#watch.admitted()
    this.#who = who
    this.#shared.hub.add(this)
    this.#shared.metrics.authenticated('ok', path)
    this.#outbox.add(authOk(this.#shared.options.haVersion))
    this.#resume()
  }

  #deny(path: 'cached' | 'looked_up' | 'none'): void {
    if (this.#phase !== 'auth' && this.#phase !== 'verifying') return
    this.#shared.metrics.authenticated('refused', path)
    this.#shared.log.info({ address: this.address }, 'socket refused')
    this.#refuse(AUTH_INVALID, 'notAuthenticated')
  }

  /** A token that was never good counts against its bearer, once the answer has gone out. */
  #denyToken(token: string, path: 'cached' | 'looked_up'): void {
    this.#deny(path)
    this.#shared.verifier
      .isGenuine(token)
      .then((genuine) => {
        if (!genuine) this.#shared.bans.failed(this.address, { secret: token })
      })
      .catch((error: unknown) => this.#shared.log.warn({ err: error }, 'refused token could not be judged'))
  }

  #refuse(message: typeof AUTH_INVALID | typeof AUTH_MALFORMED, close: CloseName): void {
    this.#socket.send(authInvalid(message))
    this.#end(close)
  }

  // Commands

  #wait(text: string): void {
    if (!this.#inbox.add(text)) this.#end('overloaded')
  }

  /** What waited is executed in its order, unless one of it ends or holds the connection again. */
  #resume(): void {
    this.#phase = 'open'
    const waiting = this.#inbox.take()
    this.#subscriptions.release()
    for (const text of waiting) {
      if (this.#is('open')) this.#commands(text)
      else if (this.#is('held')) this.#wait(text)
    }
  }

  // A call may have changed the phase: asked anew, so that the compiler does not believe an older answer.
  #is(phase: Phase): boolean {
    return this.#phase === phase
  }

  #commands(text: string): void {
    const parsed = parseJson(text)
    if (parsed.kind === 'malformed') {
      this.#end('malformed')
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
      this.#shared.dispatch(this, message)
    }
  }

  // The end

  /** Ends on the server's own account: what was queued goes out first. */
  #end(name: CloseName, afterMs?: number): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    const spread = name === 'restarting' || name === 'overloaded'
    const after = spread ? Math.floor(Math.random() * RECONNECT_SPREAD_MS) : afterMs
    const reason = after === undefined ? '' : JSON.stringify({ after_ms: after })
    this.#close = { name, reason }
    if (name === 'slowReader') this.#outbox.clear()
    else this.#outbox.flushAll()
    this.#leave()
    this.#hangUp()
  }

  #leave(): void {
    this.#watch.stop()
    if (this.#who !== null && this.#phase !== 'ending' && this.#phase !== 'closed') this.#shared.hub.remove(this)
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
