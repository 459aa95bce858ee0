/**
 * Failed logins by address: counted for some minutes, then the address is refused for an hour. Only refused credentials are
 * counted, so that nobody is banned by a typing mistake in an address or a tab that was left open.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Ban } from '../store/model.ts'
import { isLoopback, networksOf, widerNetwork } from './address.ts'
import { Overloaded } from './hashing.ts'
import { digest } from './secrets.ts'

export interface BanOptions {
  /** Failures that make a ban; 0: nobody is banned. */
  readonly failures: number
  readonly withinMs: number
  readonly forMs: number
  /** Those who speak for many: a ban would hit everybody behind them. */
  readonly isProxy: (address: string) => boolean
  /** Called when a ban begins. */
  readonly onBan: (ban: Ban) => void
}

/** What was refused. */
export interface Failure {
  /** Whose password it would have been. */
  readonly account?: string
  /** A token or code: the same one counts once, as a client may send a dead one again and again. */
  readonly secret?: string
}

export interface Bans {
  /** Milliseconds until this address is served again; 0 if it is. */
  remaining(address: string): number
  failed(address: string, failure: Failure): void
  /** Forgets what this account failed from this address; what others failed there stays. */
  succeeded(address: string, account: string): void
  /**
   * Does work that may end in a failure. Of one address only as many are under way as failures are left, so that a crowd of
   * guesses sent at once is counted like the same guesses one by one. Rejects with `Overloaded` or `Banned`.
   */
  attempt<T>(address: string, work: () => Promise<T>): Promise<T>
  list(): readonly Ban[]
  /** False: there was none. */
  lift(network: string): boolean
}

/** The address was banned while its attempt waited. */
export class Banned extends Error {
  override readonly name = 'Banned'
  readonly remainingMs: number

  constructor(remainingMs: number) {
    super('the address is banned')
    this.remainingMs = remainingMs
  }
}

interface Count {
  failures: { readonly at: number; readonly account: string | null }[]
  underWay: number
  readonly waiting: Set<() => void>
}

const CAPACITY = 100_000
/** So many banned networks inside a wider one ban that one. */
const WIDEN_AT = 8
/** An attempt waits this long for others of its address. */
const WAIT_MS = 2000

/** Short, as many are kept; two accounts that look alike here share a count at one address. */
const mark = (text: string): string => Buffer.from(digest(text)).toString('base64').slice(0, 12)

/** `kept`: bans from before a restart. */
export const createBans = (clock: Clock, options: BanOptions, kept: readonly Ban[]): Bans => {
  const { failures: limit, withinMs, forMs } = options
  // Apart from each other: a flood of new addresses must not push a ban out.
  const counts = new LRUCache<string, Count>({ max: CAPACITY })
  const bans = new LRUCache<string, number>({ max: CAPACITY })
  const inside = new LRUCache<string, Map<string, number>>({ max: CAPACITY })
  const seen = new LRUCache<string, number>({ max: CAPACITY })

  /** The network under which an address is counted; null for those that are never banned. */
  const networkOf = (address: string): string | null =>
    limit === 0 || isLoopback(address) || options.isProxy(address) ? null : (networksOf(address)[0] ?? null)

  const countOf = (network: string): Count => {
    let count = counts.get(network)
    if (count === undefined) {
      count = { failures: [], underWay: 0, waiting: new Set() }
      counts.set(network, count)
    }
    const since = clock.monotonic() - withinMs
    count.failures = count.failures.filter(({ at }) => at > since)
    return count
  }

  const wake = (count: Count): void => {
    for (const go of [...count.waiting]) go()
  }

  const begin = (network: string, endsAt: number): void => {
    bans.set(network, endsAt)
    const wider = widerNetwork(network)
    if (wider === null) return
    const now = clock.now()
    const siblings = new Map([...(inside.get(wider) ?? [])].filter(([, ends]) => ends > now))
    siblings.set(network, endsAt)
    inside.set(wider, siblings)
  }

  const ban = (network: string): void => {
    const endsAt = clock.now() + forMs
    begin(network, endsAt)
    options.onBan({ network, endsAt })
    const wider = widerNetwork(network)
    if (wider !== null && (inside.get(wider)?.size ?? 0) >= WIDEN_AT && !bans.has(wider)) ban(wider)
  }

  for (const { network, endsAt } of kept) begin(network, endsAt)

  const remaining = (address: string): number => {
    if (bans.size === 0 || networkOf(address) === null) return 0
    const now = clock.now()
    let longest = 0
    for (const network of networksOf(address)) {
      const left = (bans.get(network) ?? 0) - now
      if (left > longest) longest = left
      if (left <= 0) bans.delete(network)
    }
    return longest
  }

  /** Waits until this attempt could fail without going beyond the limit. */
  const turn = async (address: string, count: Count, network: string): Promise<void> => {
    const giveUpAt = clock.monotonic() + WAIT_MS
    while (countOf(network).failures.length + count.underWay >= limit) {
      const left = giveUpAt - clock.monotonic()
      if (left <= 0 || count.waiting.size >= CAPACITY) throw new Overloaded(WAIT_MS)
      await new Promise<void>((resolve) => {
        const go = (): void => {
          timer.cancel()
          count.waiting.delete(go)
          resolve()
        }
        const timer = clock.after(left, go)
        count.waiting.add(go)
      })
      const banned = remaining(address)
      if (banned > 0) throw new Banned(banned)
    }
  }

  return {
    remaining,

    failed: (address, { account, secret }) => {
      const network = networkOf(address)
      if (network === null) return
      const now = clock.monotonic()
      if (secret !== undefined) {
        const key = `${network} ${mark(secret)}`
        const before = seen.get(key)
        if (before !== undefined && before > now - withinMs) return
        seen.set(key, now)
      }
      const count = countOf(network)
      count.failures.push({ at: now, account: account === undefined ? null : mark(account) })
      if (count.failures.length < limit) return
      count.failures = []
      ban(network)
      wake(count)
    },

    succeeded: (address, account) => {
      const network = networkOf(address)
      if (network === null) return
      const count = countOf(network)
      const own = mark(account)
      count.failures = count.failures.filter((failure) => failure.account !== own)
    },

    attempt: async (address, work) => {
      const network = networkOf(address)
      if (network === null) return work()
      const count = countOf(network)
      await turn(address, count, network)
      count.underWay++
      try {
        return await work()
      } finally {
        count.underWay--
        wake(count)
      }
    },

    list: () => {
      const now = clock.now()
      const active = [...bans.entries()].filter(([, endsAt]) => endsAt > now)
      return active.map(([network, endsAt]) => ({ network, endsAt })).sort((a, b) => (a.network < b.network ? -1 : 1))
    },

    lift: (network) => {
      const wider = widerNetwork(network)
      if (wider !== null) inside.get(wider)?.delete(network)
      return bans.delete(network)
    },
  }
}
