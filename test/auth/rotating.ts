/** Sessions whose refresh token rotates, over the product's rules and real SQLite, on a clock that stands still until it is moved. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rotatingToken } from '../../src/auth/rotation.ts'
import { deriveKeys } from '../../src/auth/secrets.ts'
import { createTokens, type Refresh, type ShownToken, type TokenRules } from '../../src/auth/tokens.ts'
import { Verifier } from '../../src/auth/verifier.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Change, GrantId, RefreshToken, Rotation, User } from '../../src/store/model.ts'
import { type OpenedStore, openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { credential, NOW, token, user } from '../store/records.ts'

export const SECOND = 1000
export const DAY = 86_400_000
export const WINDOW_MS = 10 * SECOND
const IDLE_MS = 90 * DAY
export const CLIENT = 'https://example.com/'
export const HERE = '127.0.0.1'

export const newAttempt = (): string => randomBytes(16).toString('base64url')

/** Its wall clock is what the test makes of it. */
export class StillClock implements Clock {
  time = NOW
  readonly after = systemClock.after

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }
}

/** What a shown token got, in few words. */
export type Got = { readonly generation: number; readonly token: string } | { readonly error: string }

export interface Shelf {
  readonly clock: StillClock
  readonly store: Store
  readonly tokens: TokenRules
  /** What was judged by its generation, in order. */
  readonly shown: ShownToken['as'][]
  /** What the change log told since the start. */
  readonly changes: Change[]
  /** A new session, of a user of its own. */
  session(more?: Partial<User>, its?: Partial<RefreshToken>): Promise<Session>
  /** Closes the database, and opens it anew with nothing in memory. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface Session {
  readonly id: GrantId
  /** The token of a generation, as only this server can make it. */
  token(generation: number): string
  show(generation: number, attempt: string | null, more?: Partial<Refresh>): Promise<Got>
  /** As it is kept; null once the session is over. */
  row(): Promise<(Rotation & { readonly expireAt: number | null }) | null>
}

/** To be closed. `inMemory`: without a file, for many thousands of steps; a restart then keeps the database and nothing else. */
export const openShelf = async ({ inMemory = false } = {}): Promise<Shelf> => {
  const folder = inMemory ? null : mkdtempSync(join(tmpdir(), 'latchkey-rotation-'))
  const file = folder === null ? ':memory:' : join(folder, 'latchkey.db')
  const keys = deriveKeys(randomBytes(32))
  const clock = new StillClock()
  const shown: ShownToken['as'][] = []
  const changes: Change[] = []
  const database = async () => {
    const opened = await openSqlite({ file, expect: null, pepperCheck: keys.pepperCheck, clock })
    opened.feed.listen({ changed: (change) => changes.push(change) })
    return opened
  }
  const rules = ({ store, feed }: OpenedStore) => {
    const lifetimes = { accessTokenMs: 1_800_000, refreshTokenIdleMs: IDLE_MS, rotationWindowMs: WINDOW_MS }
    const verifier = new Verifier(store.tokens, feed, keys, clock)
    return createTokens(store, keys, clock, lifetimes, verifier, ({ as }) => shown.push(as))
  }
  let opened = await database()
  let tokens = rules(opened)

  const session: Shelf['session'] = async (more, its) => {
    const who = user(more)
    const link = credential(who)
    await opened.store.users.create(who)
    await opened.store.passwords.add(link, 'hash')
    const grant = token(who, {
      credentialId: link.id,
      clientId: CLIENT,
      secretHash: null,
      rotation: { generation: 0, attempt: null, answeredAt: clock.now() },
      expireAt: clock.now() + IDLE_MS,
      ...its,
    })
    if ((await opened.store.tokens.create(grant, null)) !== 'created') throw new Error('no session was made')
    const tokenOf = (generation: number): string => rotatingToken(keys.refreshKey, grant.id, generation)
    return {
      id: grant.id,
      token: tokenOf,
      show: async (generation, attempt, more) => {
        const shownNow = { secret: tokenOf(generation), attempt, clientId: CLIENT, address: HERE, user: null, ...more }
        const outcome = await tokens.refresh(shownNow)
        if ('error' in outcome) return { error: outcome.error }
        return { generation: outcome.generation!, token: outcome.refresh_token! }
      },
      row: async () => {
        const [found] = (await opened.store.tokens.grants([grant.id])).grants
        return found === undefined ? null : { ...found.token.rotation!, expireAt: found.token.expireAt }
      },
    }
  }
  return {
    clock,
    get store() {
      return opened.store
    },
    get tokens() {
      return tokens
    },
    shown,
    changes,
    session,
    restart: async () => {
      if (folder !== null) {
        await opened.store.close()
        opened = await database()
      }
      tokens = rules(opened)
    },
    close: async () => {
      await opened.store.close()
      if (folder !== null) rmSync(folder, { recursive: true })
    },
  }
}
