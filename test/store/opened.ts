/** A store that is opened anew for each test, and what it tells. */
import { afterEach, beforeEach, expect } from 'vitest'
import type { ChangeFeed } from '../../src/store/changes.ts'
import type { Change, Credential, Grant, GrantId, RefreshToken, User } from '../../src/store/model.ts'
import type { Store } from '../../src/store/store.ts'
import { credential, user } from './records.ts'

export interface Opened {
  readonly store: Store
  readonly feed: ChangeFeed
  readonly fill: (users: readonly User[], tokens: readonly RefreshToken[]) => Promise<void>
}

/** A database of a driver's own, empty at first. */
export interface Driver {
  /** Opens it, anew after it was closed. */
  open(): Promise<Opened>
  /** While it is closed: from now on a row of this kind cannot be written into the change log. */
  breakLog(kind: string): Promise<void>
  /** Removes it; it is closed by then. */
  remove(): Promise<void>
}

export class StoreUnderTest {
  driver!: Driver
  store!: Store
  feed!: ChangeFeed
  fill!: Opened['fill']
  /** What the feed told since it was opened. */
  heard: Change[] = []

  async open(): Promise<void> {
    const { store, feed, fill } = await this.driver.open()
    this.store = store
    this.feed = feed
    this.fill = fill
    this.heard = []
    feed.listen({ changed: (change) => this.heard.push(change) })
  }

  async reopen(between: () => Promise<void> = async () => undefined): Promise<void> {
    await this.store.close()
    await between()
    await this.open()
  }

  kinds(): string[] {
    return this.heard.map(({ kind }) => kind)
  }

  /** A user with a credential and a password. */
  async person(more: Partial<User> = {}): Promise<{ who: User; its: Credential }> {
    const who = user(more)
    const its = credential(who)
    await this.store.users.create(who)
    expect(await this.store.passwords.add(its, 'hash')).toBe('added')
    return { who, its }
  }

  async grantOf(id: GrantId): Promise<Grant | undefined> {
    return (await this.store.tokens.grants([id])).grants[0]
  }
}

/** To be called where tests are declared. */
export const useStore = (create: () => Driver): StoreUnderTest => {
  const at = new StoreUnderTest()
  beforeEach(async () => {
    at.driver = create()
    await at.open()
  })
  afterEach(async () => {
    await at.store.close()
    await at.driver.remove()
  })
  return at
}
