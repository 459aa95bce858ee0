/** What every store promises of the change log, users and passwords. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/auth/secrets.ts'
import type { User, UserId } from '../../src/store/model.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { type Driver, useStore } from './opened.ts'
import { code, count, credential, newOwner, times, token, user } from './records.ts'

export const usersContract = (name: string, create: () => Driver): void => {
  const at = useStore(create)

  describe(`${name}: the change log`, () => {
    test('numbers have no hole and are in the order of commits, each with a mark of its own', async () => {
      await times(50, () => at.store.users.create(user()))
      const changes = await at.store.changes(0, 1000)
      expect(changes.map(({ seq }) => seq)).toEqual(Array.from({ length: 51 }, (_, i) => i))
      expect(new Set(changes.map(({ mark }) => mark)).size).toBe(51)
      expect(at.feed.head).toEqual({ seq: 50, mark: changes.at(-1)!.mark })
    })

    test('a change is heard before the call that made it resolves', async () => {
      const who = user()
      await at.store.users.create(who).then(() => expect(at.kinds()).toEqual(['user_added']))
      expect(at.heard).toMatchObject([{ kind: 'user_added', subject: who.id, seq: 1 }])
    })

    test('it is read in pieces', async () => {
      await times(5, () => at.store.users.create(user()))
      expect((await at.store.changes(2, 2)).map(({ seq }) => seq)).toEqual([2, 3])
      expect(await at.store.changes(6, 10)).toEqual([])
    })

    test('a grant is read with the head of its own snapshot', async () => {
      const { who } = await at.person()
      const its = token(who)
      await at.store.tokens.create(its, null)
      const { head } = await at.store.tokens.grants([its.id])
      expect(head).toEqual(at.feed.head)
    })

    test('what cannot be logged does not happen', async () => {
      const { who } = await at.person()
      const its = token(who)
      await at.store.tokens.create(its, null)
      await at.reopen(() => at.driver.breakLog('grant_revoked'))
      const before = at.feed.head
      await expect(at.store.tokens.revoke({ grant: its.id, user: who.id })).rejects.toThrow(StoreUnavailable)
      await expect(at.store.users.remove(who.id)).rejects.toThrow(StoreUnavailable)
      expect(await at.grantOf(its.id)).toMatchObject({ token: { id: its.id } })
      expect(await at.store.users.byId(who.id)).not.toBe(null)
      expect(at.feed.head).toEqual(before)
      expect(at.heard).toEqual([])
    })

    test('of calls in one turn a failing one harms no other', async () => {
      await at.reopen(() => at.driver.breakLog('user_removed'))
      const [first, second, gone] = [user(), user(), user()]
      await at.store.users.create(gone)
      const outcomes = await Promise.allSettled([
        at.store.users.create(first),
        at.store.users.remove(gone.id),
        at.store.users.create(second),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((await at.store.users.list()).map(({ user: { id } }) => id)).toEqual([gone.id, first.id, second.id])
      expect(at.kinds()).toEqual(['user_added', 'user_added', 'user_added'])
    })

    test('everything is there after a restart, the log too', async () => {
      const owner = newOwner()
      await at.store.users.createOwner(owner)
      const its = token(owner.user, { credentialId: owner.credential.id })
      await at.store.tokens.create(its, null)
      const { head } = at.feed
      await at.reopen()
      expect(at.feed.head).toEqual(head)
      expect(await at.grantOf(its.id)).toEqual({ token: its, user: owner.user, credential: owner.credential })
      expect(await at.store.passwords.hash('ann')).toBe('hash')
    })

    test('a closed store refuses', async () => {
      await at.store.close()
      await expect(at.store.users.any()).rejects.toThrow(StoreUnavailable)
      await at.open()
    })
  })

  describe(`${name}: users`, () => {
    test('of racing first users exactly one becomes the owner, and nothing is left of the others (D27)', async () => {
      const owners = Array.from({ length: 20 }, newOwner)
      const outcomes = await Promise.all(owners.map((owner) => at.store.users.createOwner(owner)))
      expect(count(outcomes, 'created')).toBe(1)
      expect(count(outcomes, 'taken')).toBe(19)
      const winner = owners[outcomes.indexOf('created')]!
      expect(await at.store.users.list()).toEqual([{ user: winner.user, credentials: [winner.credential] }])
      expect(at.kinds()).toEqual(['user_added'])
    })

    test('there is nobody until somebody is made; a system user is nobody', async () => {
      expect(await at.store.users.any()).toBe(false)
      await at.store.users.create(user({ systemGenerated: true }))
      expect(await at.store.users.any()).toBe(false)
      expect(await at.store.users.createOwner(newOwner())).toBe('created')
      expect(await at.store.users.any()).toBe(true)
    })

    test('a user is found by id, and by what a provider knows (D24)', async () => {
      const { who, its } = await at.person()
      expect(await at.store.users.byId(who.id)).toEqual(who)
      expect(await at.store.users.byCredential('homeassistant', null, its.subject)).toEqual({
        credential: its,
        user: who,
      })
      expect(await at.store.users.byCredential('homeassistant', 'other', its.subject)).toBe(null)
      expect(await at.store.users.byCredential('other', null, its.subject)).toBe(null)
      expect(await at.store.users.byId(newId<UserId>())).toBe(null)
    })

    test('users are listed in the order in which they were made', async () => {
      const all = Array.from({ length: 10 }, () => user())
      for (const one of all) await at.store.users.create(one)
      expect((await at.store.users.list()).map(({ user: { id } }) => id)).toEqual(all.map(({ id }) => id))
    })

    test('a change leaves what it does not name, and is logged', async () => {
      const { who } = await at.person()
      const changed = await at.store.users.update(who.id, { name: 'Bob', localOnly: true })
      expect(changed).toEqual({ ...who, name: 'Bob', localOnly: true })
      expect(await at.store.users.byId(who.id)).toEqual(changed)
      expect(at.kinds().at(-1)).toBe('user_changed')
    })

    test('a user who may not get into a group stays as they are, and leaves groups all the same', async () => {
      const who = user({ groups: ['system-users', 'system-read-only'] })
      await at.store.users.create(who)
      at.heard.length = 0
      const update = (groups: User['groups'], name: string) =>
        at.store.users.update(who.id, { groups, name }, { mayJoin: false })
      expect(await update(['system-users', 'system-admin'], 'x')).toBe('joins')
      expect(await at.store.users.byId(who.id)).toEqual(who)
      expect(at.heard).toEqual([])
      expect(await update(['system-users'], 'y')).toEqual({ ...who, groups: ['system-users'], name: 'y' })
      expect(await update(['system-read-only'], 'z')).toBe('joins')
      expect(await at.store.users.update(who.id, { name: 'z' }, { mayJoin: false })).toMatchObject({ name: 'z' })
    })

    test('a deactivated user has no grants any more, and does not get them back (F5)', async () => {
      const { who } = await at.person()
      await times(3, () => at.store.tokens.create(token(who), null))
      at.heard.length = 0
      await at.store.users.update(who.id, { isActive: false })
      expect(at.kinds().sort()).toEqual(['grant_revoked', 'grant_revoked', 'grant_revoked', 'user_changed'])
      await at.store.users.update(who.id, { isActive: true })
      expect(await at.store.tokens.list(who.id)).toEqual([])
    })

    test('the owner is neither deactivated nor removed, a system user not changed, and an unknown one not found (F3)', async () => {
      const owner = newOwner()
      await at.store.users.createOwner(owner)
      const system = user({ systemGenerated: true })
      await at.store.users.create(system)
      at.heard.length = 0
      expect(await at.store.users.update(owner.user.id, { isActive: false })).toBe('owner')
      expect(await at.store.users.remove(owner.user.id)).toBe('owner')
      expect(await at.store.users.update(system.id, { name: 'x' })).toBe('system_generated')
      expect(await at.store.users.update(newId<UserId>(), { name: 'x' })).toBe('not_found')
      expect(await at.store.users.remove(newId<UserId>())).toBe('not_found')
      expect(at.heard).toEqual([])
    })

    test('a removed user leaves nothing behind (F5)', async () => {
      const { who, its } = await at.person()
      await at.store.tokens.create(token(who, { credentialId: its.id }), null)
      const made = code(who, its)
      await at.store.codes.put(made)
      expect(await at.store.users.remove(who.id)).toBe('removed')
      expect(await at.store.users.byId(who.id)).toBe(null)
      expect(await at.store.passwords.hash(its.subject)).toBe(null)
      expect(await at.store.codes.take(made.hash)).toBe(null)
      expect(at.kinds().slice(-2).sort()).toEqual(['grant_revoked', 'user_removed'])
    })

    test('of racing removals exactly one removes', async () => {
      const { who } = await at.person()
      expect(count(await times(10, () => at.store.users.remove(who.id)), 'removed')).toBe(1)
    })
  })

  describe(`${name}: passwords`, () => {
    test('a user has one user name, and a user name one user, however many ask at once', async () => {
      const people = await times(10, async () => {
        const who = user()
        await at.store.users.create(who)
        return who
      })
      const same = await Promise.all(people.map((who) => at.store.passwords.add(credential(who, 'same'), 'hash')))
      expect([count(same, 'added'), count(same, 'username_taken')]).toEqual([1, 9])
      const who = people[same.indexOf('username_taken')]!
      const several = await times(10, () => at.store.passwords.add(credential(who), 'hash'))
      expect([count(several, 'added'), count(several, 'has_one')]).toEqual([1, 9])
    })

    test('nobody and a system user get none', async () => {
      const system = user({ systemGenerated: true })
      await at.store.users.create(system)
      expect(await at.store.passwords.add(credential(system), 'hash')).toBe('system_generated')
      expect(await at.store.passwords.add(credential(user()), 'hash')).toBe('user_not_found')
    })

    test('a user name goes with its credential and the grants made with it, and with no others', async () => {
      const { who, its } = await at.person()
      const made = token(who, { credentialId: its.id })
      const other = token(who, { type: 'long_lived_access_token', clientName: 'script' })
      await at.store.tokens.create(made, null)
      await at.store.tokens.create(other, null)
      expect(await at.store.passwords.remove(its.subject)).toBe('removed')
      expect(await at.store.passwords.remove(its.subject)).toBe('not_found')
      expect((await at.store.tokens.list(who.id)).map(({ token: { id } }) => id)).toEqual([other.id])
      expect(await at.store.users.credentials(who.id)).toEqual([])
    })

    test('a new password ends all grants but one (D17)', async () => {
      const { who, its } = await at.person()
      const [kept, ended] = [token(who), token(who)]
      await at.store.tokens.create(kept, null)
      await at.store.tokens.create(ended, null)
      expect(await at.store.passwords.set(who.id, 'new', kept.id)).toBe('set')
      expect(await at.store.passwords.hash(its.subject)).toBe('new')
      expect((await at.store.tokens.list(who.id)).map(({ token: { id } }) => id)).toEqual([kept.id])
      const bare = user()
      await at.store.users.create(bare)
      expect(await at.store.passwords.set(bare.id, 'new', null)).toBe('no_credential')
      expect(await at.store.passwords.set(newId<UserId>(), 'new', null)).toBe('user_not_found')
    })

    test('a user name is changed to one that is free, with its password', async () => {
      const { who, its } = await at.person()
      const other = await at.person()
      expect(await at.store.passwords.rename(who.id, other.its.subject)).toBe('username_taken')
      expect(await at.store.passwords.rename(who.id, 'new-name')).toBe('renamed')
      expect(await at.store.passwords.hash(its.subject)).toBe(null)
      expect(await at.store.passwords.hash('new-name')).toBe('hash')
      expect(await at.store.users.byCredential('homeassistant', null, 'new-name')).toMatchObject({
        user: { id: who.id },
      })
      expect(await at.store.passwords.rename(newId<UserId>(), 'x')).toBe('user_not_found')
    })

    test('a hash is replaced only if it is still the one that was read', async () => {
      const { its } = await at.person()
      const outcomes = await times(5, (i) => at.store.passwords.rehash(its.subject, 'hash', `new ${i}`))
      expect(count(outcomes, true)).toBe(1)
      expect(await at.store.passwords.hash(its.subject)).toBe(`new ${outcomes.indexOf(true)}`)
    })
  })
}
