/** The live connections by grant and by user. It hears each change of the log and ends or re-judges whom it names. */
import { LRUCache } from 'lru-cache'
import type { Principal } from '../auth/principal.ts'
import type { Verifier } from '../auth/verifier.ts'
import { Multimap } from '../multimap.ts'
import type { CloseName } from '../protocol/errors.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change, GrantId, UserId } from '../store/model.ts'

/** What the hub asks of an authenticated connection. */
export interface Seat {
  readonly who: Principal
  readonly address: string
  /** When it was authenticated, milliseconds since 1970. */
  readonly since: number
  /** From this call on nothing is executed and nothing queued goes out. The close follows with `depart`. */
  condemn(close: CloseName): void
  depart(): void
  /** Rights may have changed: what arrives waits until `release` or `condemn`. */
  hold(): void
  release(who: Principal): void
}

/**
 * What stands in the hub's tables for a seat. It is emptied when the seat leaves: a table that was made anew lives on in V8's old
 * space with all that it held, and whole connections would with it (`roster.ts`).
 */
export interface HubEntry {
  readonly seat: Seat | null
}

const seatsIn = (entries: readonly HubEntry[]): readonly Seat[] => entries.flatMap(({ seat }) => seat ?? [])

/** Why a grant ended decides what its sockets are told. */
const closeFor = (reason: string | undefined): CloseName => {
  if (reason === 'reuse') return 'refreshReuse'
  return reason === 'user_inactive' || reason === 'user_removed' ? 'userInactive' : 'revoked'
}

/** Closes of one turn of the event loop, some milliseconds' worth: ending a crowd must not stall the others. */
const CLOSES_A_TURN = 500

export class Hub implements ChangeListener {
  readonly #verifier: Verifier
  readonly #byGrant = new Multimap<GrantId, HubEntry>()
  readonly #byUser = new Multimap<UserId, HubEntry>()
  readonly #closed = new LRUCache<GrantId, number>({ max: 10_000 })
  #departing: Seat[] = []

  /** Listens after the verifier: when a socket is re-judged here, the token is dead there already. */
  constructor(verifier: Verifier, feed: ChangeFeed) {
    this.#verifier = verifier
    feed.listen(this)
  }

  /** To be called in the turn in which the principal was verified. */
  add(entry: HubEntry, { grantId, userId }: Principal): void {
    this.#byGrant.add(grantId, entry)
    this.#byUser.add(userId, entry)
  }

  /** With the principal with which it was added. */
  remove(entry: HubEntry, { grantId, userId }: Principal): void {
    this.#byGrant.remove(grantId, entry)
    this.#byUser.remove(userId, entry)
  }

  get size(): number {
    return this.#byUser.size
  }

  seatsOf(grant: GrantId): readonly Seat[] {
    return seatsIn(this.#byGrant.of(grant))
  }

  #seatsOfUser(user: UserId): readonly Seat[] {
    return seatsIn(this.#byUser.of(user))
  }

  /** How many sockets ended with these grants. Known for the latest ones, for the receipt of their revocation. */
  closedOf(grants: readonly GrantId[]): number {
    return grants.reduce((sum, grant) => sum + (this.#closed.get(grant) ?? 0), 0)
  }

  /** How many sockets live on a grant. */
  socketsOf(grant: GrantId): number {
    return this.#byGrant.count(grant)
  }

  changed(change: Change): void {
    switch (change.kind) {
      case 'user_added':
      case 'grant_added':
      case 'grant_changed':
      // The log names the users concerned as well.
      case 'group_changed':
        return
      case 'grant_revoked':
        this.#revoke(change.subject as GrantId, closeFor(change.data['reason']))
        return
      case 'user_removed':
        this.#end(this.#seatsOfUser(change.subject as UserId), 'userInactive')
        return
      case 'user_changed':
        this.#rejudge(this.#seatsOfUser(change.subject as UserId))
        return
      default:
        for (const user of this.#byUser.keys()) this.#rejudge(this.#seatsOfUser(user))
    }
  }

  #revoke(grant: GrantId, close: CloseName): void {
    const seats = this.seatsOf(grant)
    if (seats.length === 0) return
    this.#closed.set(grant, seats.length)
    this.#end(seats, close)
  }

  /** All are dead first; then the closes go out, the first of them in this very turn. */
  #end(seats: readonly Seat[], close: CloseName): void {
    if (seats.length === 0) return
    for (const seat of seats) seat.condemn(close)
    const idle = this.#departing.length === 0
    this.#departing = this.#departing.concat(seats)
    if (idle) this.#depart()
  }

  #depart(): void {
    for (const seat of this.#departing.slice(0, CLOSES_A_TURN)) seat.depart()
    this.#departing = this.#departing.slice(CLOSES_A_TURN)
    if (this.#departing.length > 0) setImmediate(() => this.#depart())
  }

  #rejudge(seats: readonly Seat[]): void {
    const grants = new Set<GrantId>()
    for (const seat of seats) {
      seat.hold()
      grants.add(seat.who.grantId)
    }
    for (const grant of grants) {
      this.#verifier
        .stand(grant, (who) => {
          const held = this.seatsOf(grant)
          if (who === null) this.#end(held, 'userInactive')
          else for (const seat of held) seat.release(who)
        })
        // Nobody can say what they may do now: they come back when somebody can.
        .catch(() => this.#end(this.seatsOf(grant), 'overloaded'))
    }
  }
}
