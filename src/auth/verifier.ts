/**
 * Judges access tokens. A token seen before costs one look-up and no promise; a token not seen before costs an HMAC, and a
 * read of its grant if that is not in memory: one read for all who ask for it, batched with others'.
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { Multimap } from '../multimap.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change, Grant, GrantId, GroupId, GroupPolicy, UserId } from '../store/model.ts'
import { StoreUnavailable, type Tokens } from '../store/store.ts'
import type { MacKey } from './hmac.ts'
import { type Claims, inTime, readClaims, verifySignature } from './jwt.ts'
import { type Known, KnownTokens } from './known-tokens.ts'
import { PermissionCache } from './permissions.ts'
import { type Principal, principalOf } from './principal.ts'
import type { Keys } from './secrets.ts'

/** What is kept in memory of a grant that stands at this moment. */
export interface KnownGrant {
  readonly userId: UserId
  /** null: the grant is there, but its user may not act. */
  readonly who: Principal | null
  /** The HMAC key of its access tokens. */
  readonly key: MacKey
  readonly clientId: string | null
  readonly accessTokenSeconds: number
  /** True for a refresh token that is another one after each use. */
  readonly rotates: boolean
  /** As it was read, or moved here; a use moves it, which no change of the log says. null: never. */
  readonly expireAt: number | null
}

/** A grant in memory. Whatever ends, changes or evicts it sets `dead`, for good: only a new read makes another entry. */
interface Entry extends KnownGrant {
  readonly id: GrantId
  expireAt: number | null
  dead: boolean
}

const isOver = ({ expireAt }: Entry, now: number): boolean => expireAt !== null && now >= expireAt

interface Waiter {
  readonly resolve: (entry: Entry | null) => void
  readonly reject: (error: unknown) => void
}

/** Grants, and tokens, kept in memory. */
const CAPACITY = 100_000
/** Grants that do not exist: few, and not for long, so that strangers can neither fill the memory nor hammer the store. */
const ABSENT_CAPACITY = 10_000
const ABSENT_MS = 5000
/** Grants asked for in one read. */
const BATCH = 500
/** Callers that wait for a read; more are refused. */
const MAX_WAITING = 20_000
/** Reads that the change log overtook, before the caller is told to come again. */
const MAX_READS = 6

export class Verifier implements ChangeListener {
  readonly #tokens: Pick<Tokens, 'grants'>
  readonly #feed: ChangeFeed
  readonly #keys: Pick<Keys, 'accessKey'>
  readonly #clock: Clock
  readonly #permissions: PermissionCache
  readonly #entries: LRUCache<GrantId, Entry>
  /** Each is only as alive as its entry. */
  readonly #known: KnownTokens<Entry>
  readonly #absent: LRUCache<GrantId, true>
  readonly #byUser = new Multimap<UserId, Entry>()
  /** Spends an HMAC on a token whose grant does not exist, as on one whose grant does. */
  readonly #nobody: MacKey = hash('sha256', 'nobody', 'binary')
  #collecting = new Map<GrantId, Waiter[]>()
  #waiting = 0

  /** `capacity`: how many grants, and how many tokens, are kept in memory. */
  constructor(
    tokens: Pick<Tokens, 'grants'>,
    feed: ChangeFeed,
    keys: Pick<Keys, 'accessKey'>,
    clock: Clock,
    permissions: PermissionCache = new PermissionCache({ categories: [] }),
    capacity: number = CAPACITY,
  ) {
    this.#tokens = tokens
    this.#feed = feed
    this.#keys = keys
    this.#clock = clock
    this.#permissions = permissions
    this.#entries = new LRUCache({ max: capacity, dispose: (entry) => this.#bury(entry) })
    this.#known = new KnownTokens(capacity)
    this.#absent = new LRUCache({
      max: ABSENT_CAPACITY,
      ttl: ABSENT_MS,
      ttlResolution: 0,
      // The cache takes a start of 0 for "no start".
      perf: { now: () => this.#clock.monotonic() + 1 },
    })
    feed.listen(this)
  }

  /**
   * The answer if it is known now: the principal, null for a token whose time is over or whose user may not act, and
   * undefined for "ask `verify`". Makes no promise.
   */
  known(token: string): Principal | null | undefined {
    const known = this.#known.get(token)
    return known === undefined ? undefined : this.#whoOf(known)
  }

  /** The same where the token is not known, but its grant is in memory: that costs an HMAC. */
  atOnce(token: string): Principal | null | undefined {
    const known = this.known(token)
    if (known !== undefined) return known
    const claims = readClaims(token)
    if (claims === null) return null
    const entry = this.#entries.get(claims.iss)
    return entry === undefined || isOver(entry, this.#clock.now()) ? undefined : this.#judge(token, claims, entry)
  }

  /**
   * The same for the bytes of a whole `auth` message, where they are known and the token is good; undefined says: read the
   * message. Makes no promise and no text.
   */
  knownFrame(data: Uint8Array): { readonly who: Principal; readonly token: string } | undefined {
    const known = this.#known.getFrame(data)
    if (known === undefined) return undefined
    const who = this.#whoOf(known)
    return who === undefined || who === null ? undefined : { who, token: known.token }
  }

  /** From now on the `auth` message with this token is known by its bytes, as long as the token is. */
  keepFrame(token: string): void {
    this.#known.keepFrame(token)
  }

  /**
   * The principal of an access token, or null if it is not good, whatever the reason. `admit` is called in the same turn as
   * the last check: who registers itself there is found by every later change. Rejects with `StoreUnavailable`.
   */
  async verify(token: string, admit?: (who: Principal) => void): Promise<Principal | null> {
    const known = this.known(token)
    if (known !== undefined) {
      if (known !== null) admit?.(known)
      return known
    }
    const claims = readClaims(token)
    if (claims === null) return null
    return this.#settle(claims.iss, (entry) => {
      const who = this.#judge(token, claims, entry)
      if (who !== null) admit?.(who)
      return who
    })
  }

  /**
   * Gives `use` the principal that a grant stands for at this moment, null if it is gone or its user may not act, and the HMAC
   * key of its access tokens, in the same turn as the check. Rejects with `StoreUnavailable`.
   */
  async stand(grant: GrantId, use: (who: Principal | null, key: MacKey | null) => void): Promise<void> {
    await this.#settle(grant, (entry) => use(entry?.who ?? null, entry?.key ?? null))
  }

  /**
   * Gives `use` a grant, null if there is none, in the turn of the check, which is this one where the grant is in
   * memory. Rejects with `StoreUnavailable`.
   */
  grant<T>(id: GrantId, use: (grant: KnownGrant | null) => T | Promise<T>): T | Promise<T> {
    const entry = this.#entries.get(id)
    return entry !== undefined && !isOver(entry, this.#clock.now()) ? use(entry) : this.#settle(id, use)
  }

  /** The grant was used, and ends later now. */
  extended(id: GrantId, expireAt: number): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined && entry.expireAt !== null) entry.expireAt = expireAt
  }

  /** True for a token that this server made for a grant that stands, be its time over: its bearer guesses nothing. */
  async isGenuine(token: string): Promise<boolean> {
    const claims = readClaims(token)
    if (claims === null) return false
    return this.#settle(claims.iss, (entry) => entry !== null && verifySignature(token, entry.key))
  }

  /** Applies one row of the change log: what it names is dead and forgotten, the good and the absent alike. */
  changed(change: Change): void {
    switch (change.kind) {
      case 'user_added':
        return
      case 'grant_added':
        this.#absent.delete(change.subject as GrantId)
        return
      case 'grant_revoked':
      case 'grant_changed':
        this.#entries.delete(change.subject as GrantId)
        return
      case 'group_changed':
        // The log names the group's users as well, where they have changed by it.
        this.#permissions.drop(change.subject as GroupId)
        return
      case 'user_changed':
      case 'user_removed':
        for (const entry of this.#byUser.of(change.subject as UserId)) this.#entries.delete(entry.id)
        return
      default:
        // A kind that this version does not know may mean anything.
        this.#entries.clear()
        this.#absent.clear()
    }
  }

  /** Null: its time is over, or its user may not act. Undefined: its grant has to be read again. */
  #whoOf({ entry, iat, exp }: Known<Entry>): Principal | null | undefined {
    const now = this.#clock.now()
    if (entry.dead || isOver(entry, now)) return undefined
    return inTime(iat, exp, now) ? entry.who : null
  }

  /** One synchronous piece: no change can come between a check and the registration. */
  #judge(token: string, claims: Claims, entry: Entry | null): Principal | null {
    const good = verifySignature(token, entry?.key ?? this.#nobody)
    if (!good || entry === null || !inTime(claims.iat, claims.exp, this.#clock.now())) return null
    this.#known.add(token, entry, claims.iat, claims.exp)
    return entry.who
  }

  /** Finds the grant, in memory or in the store, and uses it while it is sure to be as the log has it. */
  async #settle<T>(grant: GrantId, use: (entry: Entry | null) => T | Promise<T>): Promise<T> {
    for (let read = 0; read < MAX_READS; read++) {
      const entry = this.#entries.get(grant)
      if (entry !== undefined && isOver(entry, this.#clock.now())) {
        // It may have been used since, and so have got another end: that is read anew.
        this.#entries.delete(grant)
        continue
      }
      if (entry !== undefined) return use(entry)
      if (this.#absent.has(grant)) return use(null)
      const answer = await this.#read(grant)
      // A change may have been applied between the answer and this line: what it named is not believed.
      if (answer === null ? this.#absent.has(grant) : !answer.dead) {
        return use(answer !== null && isOver(answer, this.#clock.now()) ? null : answer)
      }
    }
    throw new StoreUnavailable('the grant kept changing while it was read')
  }

  #read(grant: GrantId): Promise<Entry | null> {
    return new Promise((resolve, reject) => {
      if (this.#waiting >= MAX_WAITING) {
        reject(new StoreUnavailable('too many grants are waiting to be read'))
        return
      }
      this.#waiting++
      const waiters = this.#collecting.get(grant)
      if (waiters !== undefined) {
        waiters.push({ resolve, reject })
        return
      }
      if (this.#collecting.size === 0) setImmediate(() => this.#send())
      this.#collecting.set(grant, [{ resolve, reject }])
    })
  }

  /** Sends what was collected. Nobody joins a batch that was sent: its snapshot may be older than the question. */
  #send(): void {
    const collected = [...this.#collecting]
    this.#collecting = new Map()
    for (let i = 0; i < collected.length; i += BATCH) void this.#load(new Map(collected.slice(i, i + BATCH)))
  }

  async #load(batch: ReadonlyMap<GrantId, readonly Waiter[]>): Promise<void> {
    const waiters = [...batch.values()].flat()
    try {
      await this.#readAtHead([...batch.keys()], (found, policies) => {
        for (const [id, waiting] of batch) {
          const entry = this.#remember(id, found.get(id), policies)
          for (const { resolve } of waiting) resolve(entry)
        }
      })
    } catch (error) {
      for (const { reject } of waiters) reject(error)
    } finally {
      this.#waiting -= waiters.length
    }
  }

  /**
   * An answer counts only where its snapshot is this process's own place in the log. `use` is called in the turn of that
   * check: from there on every change finds what was made of the answer.
   */
  async #readAtHead(
    ids: readonly GrantId[],
    use: (found: ReadonlyMap<GrantId, Grant>, policies: ReadonlyMap<GroupId, GroupPolicy>) => void,
  ): Promise<void> {
    for (let read = 0; read < MAX_READS; read++) {
      const { head, grants, policies } = await this.#tokens.grants(ids)
      const here = this.#feed.head
      if (head.seq === here.seq && head.mark === here.mark) {
        use(new Map(grants.map((grant) => [grant.token.id, grant])), new Map(policies.map((one) => [one.id, one])))
        return
      }
    }
    throw new StoreUnavailable('the change log was ahead of every read')
  }

  #remember(id: GrantId, grant: Grant | undefined, policies: ReadonlyMap<GroupId, GroupPolicy>): Entry | null {
    if (grant === undefined) {
      this.#absent.set(id, true)
      return null
    }
    const { user, token } = grant
    const entry: Entry = {
      // The row's text, which the principal has too: the one that was asked for may be a piece of a longer text.
      id: token.id,
      userId: user.id,
      who: principalOf(grant, this.#permissions.of(user, policies)),
      key: this.#keys.accessKey(token.id, token.salt),
      clientId: token.clientId,
      accessTokenSeconds: token.accessTokenSeconds,
      rotates: token.rotation !== null,
      expireAt: token.expireAt,
      dead: false,
    }
    this.#entries.set(token.id, entry)
    this.#byUser.add(user.id, entry)
    return entry
  }

  #bury(entry: Entry): void {
    entry.dead = true
    this.#byUser.remove(entry.userId, entry)
  }
}
