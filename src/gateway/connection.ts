/** One socket: its phases, its queue in and out, its deadline and its end. */
import { refuseAddress } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Command, Needs } from '../protocol/command.ts'
import { type CloseName, closes } from '../protocol/errors.ts'
import { commandError, event, failure, pingId, pong } from '../protocol/frames.ts'
import { idOf } from '../protocol/json.ts'
import type { Peer, Socket } from '../transport/transport.ts'
import type { Entrant, Path } from './authentication.ts'
import { type Caller, type Entry, type May, mayUse, type Renewal } from './dispatch.ts'
import type { Seat } from './hub.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { allows, readCommands, readFirst } from './reading.ts'
import type { Listed } from './roster.ts'
import { closeReason, RECONNECT_SPREAD_MS, type Shared } from './shared.ts'
import { Standing } from './standing.ts'
import { Subscriptions } from './subscriptions.ts'
import { UnderWay } from './under-way.ts'
import { Watch } from './watch.ts'

/** `held`: authenticated, but what it may do is being read again. `ending`: nothing more is executed. */
type Phase = 'auth' | 'verifying' | 'open' | 'held' | 'draining' | 'ending' | 'closed'

/** A revocation of one's own session waits this long at most for its own answer. */
const LAST_WORD_MS = 2000
const DRAIN_MS = 10_000

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Connection implements Peer, Seat, Caller, Entrant, Listed {
  lastId = 0
  place = 0
  /** The client's address: the peer's, or what a trusted proxy says. */
  readonly address: string
  /** Opened by a page of another origin. */
  readonly isForeign: boolean
  readonly #shared: Shared
  readonly #socket: Socket
  readonly #watch: Watch
  #phase: Phase = 'auth'
  /** null before authentication. */
  #standing: Standing | null = null
  #close: { name: CloseName; reason: string } | null = null
  // Made when they are needed, as most sockets at most times need none of them.
  /** null: everything was sent, and is sent as it comes. */
  #outbox: Outbox | null = null
  #inbox: Inbox | null = null
  #subscriptions: Subscriptions | null = null
  #logins: Map<string, string> | null = null
  #underWay: UnderWay | null = null

  constructor(shared: Shared, socket: Socket, address: string, isForeign: boolean) {
    this.#shared = shared
    this.#socket = socket
    this.address = address
    this.isForeign = isForeign
    this.#watch = new Watch(shared.watchers, address, this)
    shared.connections.add(this)
    socket.send(shared.greeting)
  }

  /** The server is going down: what is under way is finished, then the socket is closed. */
  drain(): void {
    if (this.#underWay?.isEmpty !== false) {
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
        else if (!this.#shared.authentication.bytes(this, data)) readFirst(this, decoder.decode(data), this.#shared)
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
    return this.standing.who
  }

  get since(): number {
    return this.standing.since
  }

  condemn(close: CloseName): void {
    if (this.#phase === 'closed' || this.#close !== null) return
    this.#close = { name: close, reason: '' }
    this.#leave()
    this.#outbox?.clear()
  }

  depart(): void {
    if (this.#phase === 'closed') return
    if (this.#underWay?.hasLastWords !== true) this.#hangUp()
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
    this.#subscriptions?.endWhere((needs) => !mayUse(who, needs))
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
      with: (token, isLogin) =>
        this.#commandsUnderWay.afterAnswer(() => {
          if (this.isOutside) this.#shared.authentication.token(this, token, isLogin)
        }),
      fail: () =>
        this.#commandsUnderWay.afterAnswer(() => {
          if (this.#phase === 'verifying') this.#resume('auth')
        }),
    }
  }

  renew(token: string, isLogin: boolean): Renewal | Promise<Renewal> {
    return this.#shared.authentication.renew(this.address, token, (who) => this.#move(who, token, isLogin))
  }

  setFeatures(features: Readonly<Record<string, number | boolean>>): void {
    const coalesces = Object.hasOwn(features, 'coalesce_messages')
    if (coalesces || this.#outbox !== null) this.#queue().coalesce = coalesces
    if (features['step_up']) this.standing.freshness.isOffered = true
  }

  subscribe(needs: Needs | May, stop: () => void, id = this.lastId): void {
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

  deliver(id: number, text: string, may?: May): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === null) return
    if (this.#phase === 'held') {
      // Whether it may be heard is known when the rights have been read.
      if (!subscriptions.hold(() => this.deliver(id, text, may))) this.end('overloaded')
    } else if (subscriptions.has(id) && (may === undefined || mayUse(this.user, may))) {
      this.reply(event(id, text))
    }
  }

  reply(text: string, command?: Command): void {
    if (this.#phase === 'ending') {
      // The session is over: the one answer that still goes out is that of the command which ended it.
      if (command?.endsSelf === true && this.#underWay?.hasLastWords) this.#socket.send(text)
      return
    }
    if (this.#phase === 'closed') return
    if (this.#outbox !== null) this.#outbox.add(text)
    else if (!this.#socket.send(text)) this.#queue().block()
  }

  begin(command: Command): () => void {
    const underWay = this.#commandsUnderWay
    return underWay.begin(command, () => {
      if (this.#phase === 'ending' && command.endsSelf === true && !underWay.hasLastWords) this.#hangUp()
      if (this.#phase === 'draining' && underWay.isEmpty) this.end('restarting')
    })
  }

  get #commandsUnderWay(): UnderWay {
    this.#underWay ??= new UnderWay()
    return this.#underWay
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
    this.#standing = new Standing(this.#shared.standings, this, who, token, isLogin)
    this.#shared.hub.add(this.#standing, who)
    this.#shared.metrics.authenticated('ok', path)
    this.reply(this.#shared.welcome)
    this.#resume('open')
    return true
  }

  // Watched

  ping(): void {
    this.#socket.ping()
  }

  admits(): boolean {
    return this.#watch.admits()
  }

  // Commands

  #wait(text: string): void {
    this.#inbox ??= new Inbox()
    if (!this.#inbox.add(text)) this.end('overloaded')
  }

  /** Another session of the same user takes the place of this one; called in the turn of the token's last check. */
  #move(who: Principal, token: string, isLogin: boolean): Renewal {
    if (this.#phase !== 'open' && this.#phase !== 'held' && this.#phase !== 'draining') return 'refused'
    if (who.userId !== this.who.userId) return 'identity_mismatch'
    if (refuseAddress(who.localOnly, this.address) !== null) return 'refused'
    this.#shared.hub.remove(this.standing, this.who)
    this.standing.move(who, token, isLogin)
    this.#shared.hub.add(this.standing, who)
    this.#subscriptions?.endWhere((needs) => !mayUse(who, needs))
    // What is being read again is for the session that it has left, and would not find it: this session was read later.
    if (this.#phase === 'held') this.#resume('open')
    else this.standing.tellRights()
    return 'renewed'
  }

  /** What waited is taken in its order, as if it came now: one of it may end the connection, or let it wait again. */
  #resume(phase: 'auth' | 'open'): void {
    this.#phase = phase
    const waiting = this.#inbox
    this.#inbox = null
    this.#standing?.tellRights()
    this.#subscriptions?.release()
    for (const text of waiting?.texts ?? []) {
      if (this.#is('auth')) readFirst(this, text, this.#shared)
      else if (this.#is('open')) this.#commands(text)
      else if (this.#is('held') || this.#is('verifying')) this.#wait(text)
    }
  }

  // A call may have changed the phase: asked anew, so that the compiler does not believe an older answer.
  #is(phase: Phase): boolean {
    return this.#phase === phase
  }

  #commands(text: string): void {
    readCommands(this, text, (message) => this.#command(message))
  }

  /** The message that comes most often is known by its bytes. False: it has to be read. */
  #pinged(data: Uint8Array): boolean {
    const id = this.#phase === 'open' ? pingId(data) : 0
    if (id <= this.lastId) return false
    if (allows(this, id)) {
      this.lastId = id
      this.reply(pong(id))
    }
    return true
  }

  #command(message: unknown): void {
    if (this.#phase === 'draining') {
      if (!allows(this, idOf(message))) return
      this.reply(failure(idOf(message), commandError('temporarily_unavailable', undefined, RECONNECT_SPREAD_MS)))
    } else if (this.#phase === 'held') {
      this.#wait(JSON.stringify(message))
    } else if (this.#phase === 'open' && allows(this, idOf(message))) {
      this.#shared.commands.dispatch(this, message)
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
    if (this.#standing !== null && this.#phase !== 'ending' && this.#phase !== 'closed') {
      this.#shared.hub.remove(this.#standing, this.#standing.who)
    }
    this.#standing?.stop()
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
