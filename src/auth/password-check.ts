/**
 * The one place where a password is judged, for a login and for everything else that asks for it. Guesses at one account from
 * many addresses are slowed down here, without locking its owner out (NIST SP 800-63B section 5.2.2, OWASP ASVS 6.1.1).
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { Passwords, Places } from '../store/store.ts'
import { networksOf } from './address.ts'
import { Overloaded, type PasswordHasher } from './hashing.ts'

/**
 * True for the right password. One hash is computed whatever the answer is, for a user name that nobody has too. Rejects with
 * `Overloaded`.
 */
export type PasswordCheck = (username: string, password: string, address: string) => Promise<boolean>

/** From so many failures in a row each attempt waits, one after the other. */
const SLOW_FROM = 5
const LONGEST_WAIT_MS = 8000
/** After so many only those who logged in from there before may try. */
const STOP_AT = 100
/** More than so many do not wait for one account. */
const WAITING = 10
/** A place stays known for so long after a login. */
const PLACE_MS = 30 * 86_400_000
/** It is written down again at most this often. */
const PLACE_AGAIN_MS = 86_400_000
const ACCOUNTS = 100_000

/** What strangers tried at one account. */
interface Attempts {
  /** The hash that they tried: a new password begins anew. */
  readonly hash: string | null
  failures: number
  underWay: number
  /** Settles when all that were let in so far are done. */
  last: Promise<unknown>
}

export const createPasswordCheck = (
  passwords: Passwords,
  places: Places,
  hasher: PasswordHasher,
  clock: Clock,
): PasswordCheck => {
  const accounts = new LRUCache<string, Attempts>({ max: ACCOUNTS })

  const attemptsAt = (username: string, hash: string | null): Attempts => {
    let attempts = accounts.get(username)
    if (attempts === undefined || attempts.hash !== hash) {
      attempts = { hash, failures: 0, underWay: 0, last: Promise.resolve() }
      accounts.set(username, attempts)
    }
    return attempts
  }

  const verify = async (username: string, hash: string | null, password: string): Promise<boolean> => {
    if (!(await hasher.verify(hash, password))) return false
    // The parameters have changed since: the one moment at which the password is known.
    if (hash !== null && hasher.isOutdated(hash)) await passwords.rehash(username, hash, await hasher.hash(password))
    return true
  }

  const pause = (failures: number): Promise<void> =>
    new Promise((resolve) => clock.after(Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (failures - SLOW_FROM)), resolve))

  /** The attempt of somebody who never logged in from there. */
  const tryAsStranger = async (username: string, hash: string | null, password: string): Promise<boolean> => {
    const attempts = attemptsAt(username, hash)
    const judge = async (): Promise<boolean> => {
      if (attempts.failures >= SLOW_FROM) await pause(attempts.failures)
      // The same work and the same answer: whoever is stopped cannot tell.
      const good = await verify(username, attempts.failures < STOP_AT ? hash : null, password)
      attempts.failures = good ? 0 : attempts.failures + 1
      return good
    }
    // A crowd that comes at once is counted like the same attempts one by one.
    const queues = attempts.failures + attempts.underWay >= SLOW_FROM
    if (queues && attempts.underWay >= WAITING) throw new Overloaded(LONGEST_WAIT_MS)
    attempts.underWay++
    const turn = (queues ? attempts.last.then(judge) : judge()).finally(() => attempts.underWay--)
    // Its outcome is not kept: each would hold the one before.
    attempts.last = Promise.allSettled([attempts.last, turn]).then(() => undefined)
    return turn
  }

  return async (username, password, address) => {
    const network = networksOf(address)[0] ?? address
    const [hash, knownUntil] = await Promise.all([passwords.hash(username), places.until(username, network)])
    const now = clock.now()
    const good =
      knownUntil > now ? await verify(username, hash, password) : await tryAsStranger(username, hash, password)
    if (good && knownUntil < now + PLACE_MS - PLACE_AGAIN_MS) await places.note(username, network, now + PLACE_MS)
    return good
  }
}
