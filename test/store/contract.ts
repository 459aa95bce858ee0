/** What every store promises, method by method: run by each driver. */
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/auth/secrets.ts'
import type { ChangeFeed } from '../../src/store/changes.ts'
import type {
  AuthCode,
  Change,
  Credential,
  CredentialId,
  Digest,
  Flow,
  FlowId,
  GrantId,
  RefreshToken,
  User,
  UserId,
} from '../../src/store/model.ts'
import { type NewOwner, type Store, StoreUnavailable } from '../../src/store/store.ts'

export interface Opened {
  readonly store: Store
  readonly feed: ChangeFeed
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

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const CAPS = { total: 1000, perAddress: 1000 }

/** A plain array, as a driver may give it back: no Buffer. */
const bytes = (buffer: Buffer): Uint8Array => new Uint8Array(buffer)
const digest = (text: string): Digest => bytes(createHash('sha256').update(text).digest())

const user = (more: Partial<User> = {}): User => ({
  id: newId<UserId>(),
  name: 'Ann',
  isOwner: false,
  isActive: true,
  localOnly: false,
  systemGenerated: false,
  groups: ['system-users'],
  ...more,
})

const credential = (of: User, subject = `name-${newId()}`): Credential => ({
  id: newId<CredentialId>(),
  userId: of.id,
  providerType: 'homeassistant',
  providerId: null,
  subject,
})

const token = (of: User, more: Partial<RefreshToken> = {}): RefreshToken => ({
  id: newId<GrantId>(),
  userId: of.id,
  credentialId: null,
  type: 'normal',
  clientId: 'https://example.com/',
  clientName: null,
  clientIcon: null,
  secretHash: digest(newId()),
  salt: bytes(randomBytes(16)),
  codeHash: null,
  accessTokenSeconds: 1800,
  createdAt: NOW,
  expireAt: NOW + HOUR,
  lastUsedAt: NOW,
  lastUsedIp: '127.0.0.1',
  ...more,
})

const code = (of: User, its: Credential, more: Partial<AuthCode> = {}): AuthCode => ({
  hash: digest(newId()),
  clientId: 'https://example.com/',
  credentialId: its.id,
  userId: of.id,
  redirectUri: 'https://example.com/done',
  challenge: null,
  purpose: 'login',
  expiresAt: NOW + HOUR,
  ...more,
})

const flow = (more: Partial<Flow> = {}): Flow => ({
  id: newId<FlowId>(),
  version: 0,
  address: '127.0.0.1',
  clientId: 'https://example.com/',
  redirectUri: 'https://example.com/done',
  providerType: 'homeassistant',
  providerId: null,
  challenge: null,
  purpose: 'login',
  expiresAt: NOW + HOUR,
  ...more,
})

const newOwner = (): NewOwner => {
  const owner = user({ isOwner: true, groups: ['system-admin'] })
  const its = credential(owner, 'ann')
  return { user: owner, credential: its, password: { username: 'ann', hash: 'hash' }, code: code(owner, its) }
}

export const storeContract = (name: string, create: () => Driver): void => {
  let driver: Driver
  let store: Store
  let feed: ChangeFeed
  let heard: Change[]

  const open = async (): Promise<void> => {
    ;({ store, feed } = await driver.open())
    heard = []
    feed.listen({ changed: (change) => heard.push(change) })
  }
  const reopen = async (between: () => Promise<void> = async () => undefined): Promise<void> => {
    await store.close()
    await between()
    await open()
  }
  beforeEach(async () => {
    driver = create()
    await open()
  })
  afterEach(async () => {
    await store.close()
    await driver.remove()
  })

  const kinds = (): string[] => heard.map(({ kind }) => kind)
  /** A user with a credential and a password. */
  const person = async (more: Partial<User> = {}): Promise<{ who: User; its: Credential }> => {
    const who = user(more)
    const its = credential(who)
    await store.users.create(who)
    expect(await store.passwords.add(its, 'hash')).toBe('added')
    return { who, its }
  }
  const grantOf = async (id: GrantId) => (await store.tokens.grants([id])).grants[0]
  const times = <T>(count: number, call: (i: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => call(i)))
  const count = <T>(outcomes: readonly T[], wanted: T): number => outcomes.filter((one) => one === wanted).length

  describe(`${name}: the change log`, () => {
    test('numbers have no hole and are in the order of commits, each with a mark of its own', async () => {
      await times(50, () => store.users.create(user()))
      const changes = await store.changes(0, 1000)
      expect(changes.map(({ seq }) => seq)).toEqual(Array.from({ length: 51 }, (_, i) => i))
      expect(new Set(changes.map(({ mark }) => mark)).size).toBe(51)
      expect(feed.head).toEqual({ seq: 50, mark: changes.at(-1)!.mark })
    })

    test('a change is heard before the call that made it resolves', async () => {
      const who = user()
      await store.users.create(who).then(() => expect(kinds()).toEqual(['user_added']))
      expect(heard).toMatchObject([{ kind: 'user_added', subject: who.id, seq: 1 }])
    })

    test('it is read in pieces', async () => {
      await times(5, () => store.users.create(user()))
      expect((await store.changes(2, 2)).map(({ seq }) => seq)).toEqual([2, 3])
      expect(await store.changes(6, 10)).toEqual([])
    })

    test('a grant is read with the head of its own snapshot', async () => {
      const { who } = await person()
      const its = token(who)
      await store.tokens.create(its, null)
      const { head } = await store.tokens.grants([its.id])
      expect(head).toEqual(feed.head)
    })

    test('what cannot be logged does not happen', async () => {
      const { who } = await person()
      const its = token(who)
      await store.tokens.create(its, null)
      await reopen(() => driver.breakLog('grant_revoked'))
      const before = feed.head
      await expect(store.tokens.revoke({ grant: its.id, user: who.id })).rejects.toThrow(StoreUnavailable)
      await expect(store.users.remove(who.id)).rejects.toThrow(StoreUnavailable)
      expect(await grantOf(its.id)).toMatchObject({ token: { id: its.id } })
      expect(await store.users.byId(who.id)).not.toBe(null)
      expect(feed.head).toEqual(before)
      expect(heard).toEqual([])
    })

    test('of calls in one turn a failing one harms no other', async () => {
      await reopen(() => driver.breakLog('user_removed'))
      const [first, second, gone] = [user(), user(), user()]
      await store.users.create(gone)
      const outcomes = await Promise.allSettled([
        store.users.create(first),
        store.users.remove(gone.id),
        store.users.create(second),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((await store.users.list()).map(({ user: { id } }) => id)).toEqual([gone.id, first.id, second.id])
      expect(kinds()).toEqual(['user_added', 'user_added', 'user_added'])
    })

    test('everything is there after a restart, the log too', async () => {
      const owner = newOwner()
      await store.users.createOwner(owner)
      const its = token(owner.user, { credentialId: owner.credential.id })
      await store.tokens.create(its, null)
      const { head } = feed
      await reopen()
      expect(feed.head).toEqual(head)
      expect(await grantOf(its.id)).toEqual({ token: its, user: owner.user, credential: owner.credential })
      expect(await store.passwords.hash('ann')).toBe('hash')
    })

    test('a closed store refuses', async () => {
      await store.close()
      await expect(store.users.any()).rejects.toThrow(StoreUnavailable)
      await open()
    })
  })

  describe(`${name}: users`, () => {
    test('of racing first users exactly one becomes the owner, and nothing is left of the others', async () => {
      const owners = Array.from({ length: 20 }, newOwner)
      const outcomes = await Promise.all(owners.map((owner) => store.users.createOwner(owner)))
      expect(count(outcomes, 'created')).toBe(1)
      expect(count(outcomes, 'taken')).toBe(19)
      const winner = owners[outcomes.indexOf('created')]!
      expect(await store.users.list()).toEqual([{ user: winner.user, credentials: [winner.credential] }])
      expect(kinds()).toEqual(['user_added'])
    })

    test('there is nobody until somebody is made; a system user is nobody', async () => {
      expect(await store.users.any()).toBe(false)
      await store.users.create(user({ systemGenerated: true }))
      expect(await store.users.any()).toBe(false)
      expect(await store.users.createOwner(newOwner())).toBe('created')
      expect(await store.users.any()).toBe(true)
    })

    test('a user is found by id, and by what a provider knows', async () => {
      const { who, its } = await person()
      expect(await store.users.byId(who.id)).toEqual(who)
      expect(await store.users.byCredential('homeassistant', null, its.subject)).toEqual({ credential: its, user: who })
      expect(await store.users.byCredential('homeassistant', 'other', its.subject)).toBe(null)
      expect(await store.users.byCredential('other', null, its.subject)).toBe(null)
      expect(await store.users.byId(newId<UserId>())).toBe(null)
    })

    test('users are listed in the order in which they were made', async () => {
      const all = Array.from({ length: 10 }, () => user())
      for (const one of all) await store.users.create(one)
      expect((await store.users.list()).map(({ user: { id } }) => id)).toEqual(all.map(({ id }) => id))
    })

    test('a change leaves what it does not name, and is logged', async () => {
      const { who } = await person()
      const changed = await store.users.update(who.id, { name: 'Bob', localOnly: true })
      expect(changed).toEqual({ ...who, name: 'Bob', localOnly: true })
      expect(await store.users.byId(who.id)).toEqual(changed)
      expect(kinds().at(-1)).toBe('user_changed')
    })

    test('a deactivated user has no grants any more, and does not get them back', async () => {
      const { who } = await person()
      await times(3, () => store.tokens.create(token(who), null))
      heard.length = 0
      await store.users.update(who.id, { isActive: false })
      expect(kinds().sort()).toEqual(['grant_revoked', 'grant_revoked', 'grant_revoked', 'user_changed'])
      await store.users.update(who.id, { isActive: true })
      expect(await store.tokens.list(who.id)).toEqual([])
    })

    test('the owner is neither deactivated nor removed, a system user not changed, and an unknown one not found', async () => {
      const owner = newOwner()
      await store.users.createOwner(owner)
      const system = user({ systemGenerated: true })
      await store.users.create(system)
      heard.length = 0
      expect(await store.users.update(owner.user.id, { isActive: false })).toBe('owner')
      expect(await store.users.remove(owner.user.id)).toBe('owner')
      expect(await store.users.update(system.id, { name: 'x' })).toBe('system_generated')
      expect(await store.users.update(newId<UserId>(), { name: 'x' })).toBe('not_found')
      expect(await store.users.remove(newId<UserId>())).toBe('not_found')
      expect(heard).toEqual([])
    })

    test('a removed user leaves nothing behind', async () => {
      const { who, its } = await person()
      await store.tokens.create(token(who, { credentialId: its.id }), null)
      const made = code(who, its)
      await store.codes.put(made)
      expect(await store.users.remove(who.id)).toBe('removed')
      expect(await store.users.byId(who.id)).toBe(null)
      expect(await store.passwords.hash(its.subject)).toBe(null)
      expect(await store.codes.take(made.hash)).toBe(null)
      expect(kinds().slice(-2).sort()).toEqual(['grant_revoked', 'user_removed'])
    })

    test('of racing removals exactly one removes', async () => {
      const { who } = await person()
      expect(count(await times(10, () => store.users.remove(who.id)), 'removed')).toBe(1)
    })
  })

  describe(`${name}: passwords`, () => {
    test('a user has one user name, and a user name one user, however many ask at once', async () => {
      const people = await times(10, async () => {
        const who = user()
        await store.users.create(who)
        return who
      })
      const same = await Promise.all(people.map((who) => store.passwords.add(credential(who, 'same'), 'hash')))
      expect([count(same, 'added'), count(same, 'username_taken')]).toEqual([1, 9])
      const who = people[same.indexOf('username_taken')]!
      const several = await times(10, () => store.passwords.add(credential(who), 'hash'))
      expect([count(several, 'added'), count(several, 'has_one')]).toEqual([1, 9])
    })

    test('nobody and a system user get none', async () => {
      const system = user({ systemGenerated: true })
      await store.users.create(system)
      expect(await store.passwords.add(credential(system), 'hash')).toBe('system_generated')
      expect(await store.passwords.add(credential(user()), 'hash')).toBe('user_not_found')
    })

    test('a user name goes with its credential and the grants made with it, and with no others', async () => {
      const { who, its } = await person()
      const made = token(who, { credentialId: its.id })
      const other = token(who, { type: 'long_lived_access_token', clientName: 'script' })
      await store.tokens.create(made, null)
      await store.tokens.create(other, null)
      expect(await store.passwords.remove(its.subject)).toBe('removed')
      expect(await store.passwords.remove(its.subject)).toBe('not_found')
      expect((await store.tokens.list(who.id)).map(({ token: { id } }) => id)).toEqual([other.id])
      expect(await store.users.credentials(who.id)).toEqual([])
    })

    test('a new password ends all grants but one', async () => {
      const { who, its } = await person()
      const [kept, ended] = [token(who), token(who)]
      await store.tokens.create(kept, null)
      await store.tokens.create(ended, null)
      expect(await store.passwords.set(who.id, 'new', kept.id)).toBe('set')
      expect(await store.passwords.hash(its.subject)).toBe('new')
      expect((await store.tokens.list(who.id)).map(({ token: { id } }) => id)).toEqual([kept.id])
      const bare = user()
      await store.users.create(bare)
      expect(await store.passwords.set(bare.id, 'new', null)).toBe('no_credential')
      expect(await store.passwords.set(newId<UserId>(), 'new', null)).toBe('user_not_found')
    })

    test('a user name is changed to one that is free, with its password', async () => {
      const { who, its } = await person()
      const other = await person()
      expect(await store.passwords.rename(who.id, other.its.subject)).toBe('username_taken')
      expect(await store.passwords.rename(who.id, 'new-name')).toBe('renamed')
      expect(await store.passwords.hash(its.subject)).toBe(null)
      expect(await store.passwords.hash('new-name')).toBe('hash')
      expect(await store.users.byCredential('homeassistant', null, 'new-name')).toMatchObject({ user: { id: who.id } })
      expect(await store.passwords.rename(newId<UserId>(), 'x')).toBe('user_not_found')
    })

    test('a hash is replaced only if it is still the one that was read', async () => {
      const { its } = await person()
      const outcomes = await times(5, (i) => store.passwords.rehash(its.subject, 'hash', `new ${i}`))
      expect(count(outcomes, true)).toBe(1)
      expect(await store.passwords.hash(its.subject)).toBe(`new ${outcomes.indexOf(true)}`)
    })
  })

  describe(`${name}: tokens`, () => {
    test('a grant is found by id and by its secret, whole', async () => {
      const { who, its } = await person()
      const made = token(who, { credentialId: its.id, clientIcon: 'icon', clientName: 'name' })
      expect(await store.tokens.create(made, null)).toBe('created')
      const grant = { token: made, user: who, credential: its }
      expect(await grantOf(made.id)).toEqual(grant)
      expect(await store.tokens.bySecret(made.secretHash!)).toEqual(grant)
      expect(await store.tokens.bySecret(digest('unknown'))).toBe(null)
      expect((await store.tokens.grants([newId<GrantId>()])).grants).toEqual([])
      expect(await store.tokens.list(who.id)).toEqual([{ token: made, credential: its }])
    })

    test('none is made for who is inactive or gone, nor at the request of a grant that has ended', async () => {
      const { who } = await person()
      const asking = token(who)
      await store.tokens.create(asking, null)
      expect(await store.tokens.create(token(who), asking.id)).toBe('created')
      await store.tokens.revoke({ grant: asking.id, user: who.id })
      heard.length = 0
      expect(await store.tokens.create(token(who), asking.id)).toBe('revoked')
      await store.users.update(who.id, { isActive: false })
      expect(await store.tokens.create(token(who), null)).toBe('user_inactive')
      expect(await store.tokens.create(token(user()), null)).toBe('user_inactive')
      expect(kinds()).not.toContain('grant_added')
    })

    test('a grant that asks and is revoked at the same time: the new one falls with it or was refused', async () => {
      for (let round = 0; round < 20; round++) {
        const { who } = await person()
        const asking = token(who)
        const made = token(who, { type: 'long_lived_access_token', clientName: 'script' })
        await store.tokens.create(asking, null)
        const [outcome] = await Promise.all([
          store.tokens.create(made, asking.id),
          store.tokens.revoke({ user: who.id, type: null, keep: null }),
        ])
        // Whichever came first: nothing of the user is left that was made on the dead grant after its end.
        if (outcome === 'revoked') expect(await grantOf(made.id)).toBe(undefined)
        expect(await grantOf(asking.id)).toBe(undefined)
        const changes = heard.map(({ kind, subject }) => `${kind} ${subject}`)
        const added = changes.indexOf(`grant_added ${made.id}`)
        expect(added === -1 || added < changes.indexOf(`grant_revoked ${asking.id}`)).toBe(true)
      }
    })

    test('the name of a long-lived token is taken while the token lives', async () => {
      const { who } = await person()
      const named = () => token(who, { type: 'long_lived_access_token', clientName: 'script', secretHash: null })
      const outcomes = await times(10, () => store.tokens.create(named(), null))
      expect([count(outcomes, 'created'), count(outcomes, 'name_taken')]).toEqual([1, 9])
      const other = await person()
      const theirs = token(other.who, { type: 'long_lived_access_token', clientName: 'script', secretHash: null })
      expect(await store.tokens.create(theirs, null)).toBe('created')
      await store.tokens.revoke({ user: who.id, type: null, keep: null })
      expect(await store.tokens.create(named(), null)).toBe('created')
    })

    test('a revocation means what its selector says, and nothing of anybody else', async () => {
      const [ann, bob] = [await person(), await person()]
      const make = async (who: User, more: Partial<RefreshToken> = {}): Promise<RefreshToken> => {
        const made = token(who, more)
        await store.tokens.create(made, null)
        return made
      }
      const [first, second, third] = [await make(ann.who), await make(ann.who), await make(ann.who)]
      const script = await make(ann.who, { type: 'long_lived_access_token', clientName: 'x' })
      const others = await make(bob.who)
      const revoke = async (selector: Parameters<Store['tokens']['revoke']>[0]) =>
        [...(await store.tokens.revoke(selector)).grants].sort()
      expect(await revoke({ grant: others.id, user: ann.who.id })).toEqual([])
      expect(await revoke({ grant: first.id, user: ann.who.id })).toEqual([first.id])
      expect(await revoke({ grant: first.id, user: ann.who.id })).toEqual([])
      expect(await revoke({ secretHash: second.secretHash! })).toEqual([second.id])
      expect(await revoke({ user: ann.who.id, type: 'normal', keep: third.id })).toEqual([])
      expect(await revoke({ user: ann.who.id, type: 'long_lived_access_token', keep: null })).toEqual([script.id])
      expect(await revoke({ user: ann.who.id, type: null, keep: null })).toEqual([third.id])
      expect(await grantOf(others.id)).toMatchObject({ token: { id: others.id } })
    })

    test('a receipt names the last row of the log; of racing revocations each grant is in one receipt', async () => {
      const { who } = await person()
      const made = await times(20, async () => {
        const one = token(who)
        await store.tokens.create(one, null)
        return one.id
      })
      const receipts = await times(5, () => store.tokens.revoke({ user: who.id, type: null, keep: null }))
      expect(receipts.flatMap(({ grants }) => grants).sort()).toEqual([...made].sort())
      expect(Math.max(...receipts.map(({ seq }) => seq))).toBe(feed.head.seq)
    })

    test('what has come to its end is reaped, at most as many as asked', async () => {
      const { who } = await person()
      const due = [token(who, { expireAt: NOW - 1 }), token(who, { expireAt: NOW })]
      const kept = [token(who, { expireAt: NOW + 1 }), token(who, { expireAt: null })]
      for (const one of [...due, ...kept]) await store.tokens.create(one, null)
      const first = await store.tokens.reap(NOW, 1)
      const second = await store.tokens.reap(NOW, 10)
      expect([...first.grants, ...second.grants].sort()).toEqual(due.map(({ id }) => id).sort())
      expect(first.grants).toHaveLength(1)
      expect(await store.tokens.list(who.id)).toHaveLength(2)
    })

    test('a use is recorded; of a grant that is gone it is not', async () => {
      const { who } = await person()
      const made = token(who)
      await store.tokens.create(made, null)
      expect(await store.tokens.used(made.id, NOW + 5, '10.0.0.1', NOW + 2 * HOUR)).toBe(true)
      const later = { lastUsedAt: NOW + 5, lastUsedIp: '10.0.0.1', expireAt: NOW + 2 * HOUR }
      expect((await grantOf(made.id))!.token).toEqual({ ...made, ...later })
      expect(await store.tokens.used(newId<GrantId>(), NOW, '10.0.0.1', null)).toBe(false)
    })

    test('uses that are touched are there at the close, the last of each', async () => {
      const { who } = await person()
      const made = token(who)
      await store.tokens.create(made, null)
      for (let i = 1; i <= 10; i++) store.tokens.touch(made.id, NOW + i, `10.0.0.${i}`, NOW + HOUR + i)
      await reopen()
      const last = { lastUsedAt: NOW + 10, lastUsedIp: '10.0.0.10', expireAt: NOW + HOUR + 10 }
      expect((await grantOf(made.id))!.token).toMatchObject(last)
    })

    test('an end is set where there was none, and taken away', async () => {
      const { who } = await person()
      const made = token(who)
      await store.tokens.create(made, null)
      const end = async () => (await grantOf(made.id))!.token.expireAt
      expect(await store.tokens.setExpiry(made.id, who.id, NOW + 9 * HOUR)).toBe(true)
      expect(await end()).toBe(NOW + HOUR)
      await store.tokens.setExpiry(made.id, who.id, null)
      expect(await end()).toBe(null)
      await store.tokens.setExpiry(made.id, who.id, NOW + 9 * HOUR)
      expect(await end()).toBe(NOW + 9 * HOUR)
      expect(await store.tokens.setExpiry(made.id, user().id, null)).toBe(false)
    })
  })

  describe(`${name}: codes and flows`, () => {
    test('of racing callers exactly one takes a code, and the others end what is made from it', async () => {
      const { who, its } = await person()
      const made = code(who, its)
      await store.codes.put(made)
      const outcomes = await times(50, () => store.codes.take(made.hash))
      expect(outcomes.filter((one) => one !== null && typeof one === 'object')).toEqual([made])
      expect(count(outcomes, 'reused')).toBe(49)
      expect(await store.tokens.create(token(who, { codeHash: made.hash }), null)).toBe('code_reused')
    })

    test('a code that is presented again ends the grant that it gave', async () => {
      const { who, its } = await person()
      const made = code(who, its)
      await store.codes.put(made)
      expect(await store.codes.take(made.hash)).toEqual(made)
      const given = token(who, { codeHash: made.hash })
      expect(await store.tokens.create(given, null)).toBe('created')
      expect(await store.codes.take(made.hash)).toBe('reused')
      expect(await grantOf(given.id)).toBe(undefined)
      expect(heard.at(-1)).toMatchObject({ kind: 'grant_revoked', subject: given.id })
      expect(await store.codes.take(digest('unknown'))).toBe(null)
    })

    test('of racing inputs one replaces the flow, and of racing ends one gives the code', async () => {
      const { who, its } = await person()
      const begun = flow()
      expect(await store.flows.put(begun, CAPS, NOW)).toBe('kept')
      expect(await store.flows.get(begun.id)).toEqual(begun)
      const next = { ...begun, version: 1 }
      expect(count(await times(10, () => store.flows.replace(next)), true)).toBe(1)
      const made = code(who, its)
      const ends = await times(10, (i) => store.flows.finish(next, i === 0 ? made : code(who, its)))
      expect(count(ends, true)).toBe(1)
      expect(await store.flows.get(begun.id)).toBe(null)
      if (ends[0] === true) expect(await store.codes.take(made.hash)).toEqual(made)
      else expect(await store.codes.take(made.hash)).toBe(null)
      expect(await store.flows.replace({ ...begun, version: 2 })).toBe(false)
    })

    test('a flow is taken back once', async () => {
      const begun = flow()
      await store.flows.put(begun, CAPS, NOW)
      expect(count(await times(5, () => store.flows.remove(begun.id)), true)).toBe(1)
    })

    test('caps hold in a race; what is past its time does not count', async () => {
      const caps = { total: 5, perAddress: 3 }
      await times(10, () => store.flows.put(flow({ expiresAt: NOW - 1 }), CAPS, NOW - HOUR))
      const mine = await times(10, () => store.flows.put(flow({ address: '10.0.0.1' }), caps, NOW))
      expect(count(mine, 'kept')).toBe(3)
      const others = await times(10, (i) => store.flows.put(flow({ address: `10.0.1.${i}` }), caps, NOW))
      expect(count(others, 'kept')).toBe(2)
    })

    test('a sweep removes codes, flows and bans that are past their time, and nothing else', async () => {
      const { who, its } = await person()
      const [old, fresh] = [code(who, its, { expiresAt: NOW - HOUR }), code(who, its)]
      await store.codes.put(old)
      await store.codes.put(fresh)
      const waiting = flow()
      await store.flows.put(waiting, CAPS, NOW)
      await store.bans.put({ network: '10.0.0.1', endsAt: NOW - 1 })
      await store.bans.put({ network: '10.0.0.2', endsAt: NOW + 1 })
      await store.sweep(NOW)
      expect(await store.codes.take(old.hash)).toBe(null)
      expect(await store.codes.take(fresh.hash)).toEqual(fresh)
      expect(await store.flows.get(waiting.id)).toEqual(waiting)
      expect(await store.bans.list(NOW - HOUR)).toEqual([{ network: '10.0.0.2', endsAt: NOW + 1 }])
    })
  })

  describe(`${name}: the set-up and bans`, () => {
    test('of racing callers exactly one marks a step, for good', async () => {
      expect(count(await times(10, () => store.onboarding.mark('analytics')), true)).toBe(1)
      await reopen()
      expect(await store.onboarding.done()).toEqual(['analytics'])
      expect(await store.onboarding.mark('analytics')).toBe(false)
    })

    test('a ban stands until its end, through a restart, and can be lifted or made longer', async () => {
      await store.bans.put({ network: '10.0.0.1', endsAt: NOW + HOUR })
      await store.bans.put({ network: '10.0.0.1', endsAt: NOW + 2 * HOUR })
      await reopen()
      expect(await store.bans.list(NOW)).toEqual([{ network: '10.0.0.1', endsAt: NOW + 2 * HOUR }])
      expect(await store.bans.list(NOW + 2 * HOUR)).toEqual([])
      await store.bans.remove('10.0.0.1')
      expect(await store.bans.list(NOW)).toEqual([])
    })
  })
}
