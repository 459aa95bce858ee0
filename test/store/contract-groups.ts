/** What every store promises of groups: run by each at.driver. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/auth/secrets.ts'
import type { Change, Group, GroupId, User, UserId } from '../../src/store/model.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { type Driver, useStore } from './opened.ts'
import { token as newToken } from './records.ts'

const POLICY = { entities: { domains: { light: { read: true } } } }

const newUser = (...groups: readonly GroupId[]): User => ({
  id: newId<UserId>(),
  name: 'Ann',
  isOwner: false,
  isActive: true,
  localOnly: false,
  systemGenerated: false,
  groups,
})

export const groupsContract = (name: string, create: () => Driver): void => {
  const at = useStore(create)
  const heard = (): Pick<Change, 'kind' | 'subject'>[] => at.heard.map(({ kind, subject }) => ({ kind, subject }))

  const group = async (named: string, policy: object = POLICY): Promise<Group> => {
    const made = await at.store.groups.create({ id: newId<GroupId>(), name: named, policy: { ...policy } })
    if (made === 'name_taken') throw new Error(`${named} is taken`)
    return made
  }
  const person = async (...groups: readonly GroupId[]): Promise<User> => {
    const who = newUser(...groups)
    expect(await at.store.users.create(who)).toBe('created')
    return who
  }
  const groupsOf = async (who: User) => (await at.store.users.byId(who.id))!.groups

  describe(`${name}: groups`, () => {
    test('a group is kept with its policy, found by id, and there after a restart', async () => {
      const made = await group('Kitchen')
      expect(made).toEqual({ id: made.id, name: 'Kitchen', policy: POLICY, version: 1, position: 1 })
      expect(heard()).toEqual([{ kind: 'group_changed', subject: made.id }])
      await at.store.close()
      await at.open()
      expect(await at.store.groups.byIds([newId(), made.id, 'system-users'])).toEqual([made])
      expect(await at.store.groups.byIds([])).toEqual([])
    })

    test('the sessions of a group end, and of no other that only looks like it', async () => {
      const mine = await group('Kitchen')
      const [member, other] = [await person('system-users', mine.id), await person('system-users')]
      const grants = [newToken(member), newToken(other)]
      for (const one of grants) expect(await at.store.tokens.create(one, null)).toBe('created')
      const ended = async (id: string) => (await at.store.tokens.revokeMatching({ group: id as GroupId }, null)).grants
      for (const unlike of ['%', `${mine.id.slice(0, -1)}_`, mine.id.toUpperCase(), 'SYSTEM-USERS', '', '"']) {
        expect([unlike, await ended(unlike)]).toEqual([unlike, []])
      }
      expect(await ended(mine.id)).toEqual([grants[0]!.id])
      expect(await ended('system-users')).toEqual([grants[1]!.id])
    })

    test('names are unique when trimmed, in NFKC, in lower case and without what is not seen (F2)', async () => {
      const first = await group('a')
      for (const same of ['a', 'A', ' a ', 'a\u00a0', 'ａ', 'a\u200b', '\u2060A']) {
        const outcome = await at.store.groups.create({ id: newId<GroupId>(), name: same, policy: {} })
        expect([same, outcome]).toEqual([same, 'name_taken'])
      }
      // A path is no prefix of anything, and inner spaces tell names apart.
      for (const other of ['a/b', 'a b', 'á', 'aa']) await group(other)
      expect((await at.store.groups.list(0, 100)).map(({ name }) => name)).toEqual(['a', 'a/b', 'a b', 'á', 'aa'])
      const second = await group('b')
      for (const name of [' A', 'users', 'READ\u00a0only', 'System-Admin']) {
        expect(await at.store.groups.update(second.id, 1, { name })).toBe('name_taken')
      }
      // Its own name is free to it.
      expect(await at.store.groups.update(first.id, 1, { name: 'A' })).toMatchObject({ name: 'A', version: 2 })
    })

    test('of racing groups of one name exactly one is made', async () => {
      const ids = Array.from({ length: 20 }, () => newId<GroupId>())
      const outcomes = await Promise.all(
        ids.map((id, i) => at.store.groups.create({ id, name: i % 2 === 0 ? 'Hall' : 'hall ', policy: {} })),
      )
      expect(outcomes.filter((outcome) => outcome === 'name_taken')).toHaveLength(19)
      expect(await at.store.groups.list(0, 100)).toHaveLength(1)
    })

    test('groups are listed in the order in which they were made, piece by piece', async () => {
      const all = []
      for (let i = 0; i < 5; i++) all.push(await group(`group ${9 - i}`))
      const first = await at.store.groups.list(0, 2)
      expect(first).toEqual(all.slice(0, 2))
      await at.store.groups.remove(first[1]!.id)
      expect(await at.store.groups.list(first[1]!.position, 10)).toEqual(all.slice(2))
    })

    test('of changes that read the same version exactly one is made', async () => {
      const { id } = await group('Kitchen')
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, i) => at.store.groups.update(id, 1, { policy: { topics: { [`${i}`]: true } } })),
      )
      expect(outcomes.filter((outcome) => outcome === 'changed')).toHaveLength(9)
      const [now] = await at.store.groups.byIds([id])
      expect(outcomes).toContainEqual(now)
      expect(now!.version).toBe(2)
      expect(await at.store.groups.update(newId<GroupId>(), 1, { name: 'x' })).toBe('not_found')
    })

    test('a new policy changes the users in the group, and nobody else; a new name changes nobody', async () => {
      const [kitchen, hall] = [await group('Kitchen'), await group('Hall')]
      const inside = [await person(kitchen.id), await person('system-users', hall.id, kitchen.id)]
      await person(hall.id)
      await person()
      at.heard.length = 0
      await at.store.groups.update(kitchen.id, 1, { name: 'Kitchens' })
      expect(heard()).toEqual([{ kind: 'group_changed', subject: kitchen.id }])
      at.heard.length = 0
      await at.store.groups.update(kitchen.id, 2, { policy: {} })
      expect(heard()).toEqual([
        { kind: 'group_changed', subject: kitchen.id },
        ...inside.map(({ id }) => ({ kind: 'user_changed', subject: id })),
      ])
    })

    test('a group that is removed is taken from its users, in the same step', async () => {
      const [kitchen, hall] = [await group('Kitchen'), await group('Hall')]
      const both = await person('system-read-only', kitchen.id, hall.id)
      const system = { ...newUser(kitchen.id), systemGenerated: true }
      await at.store.users.create(system)
      const other = await person(hall.id)
      at.heard.length = 0
      expect(await at.store.groups.remove(kitchen.id)).toEqual({ users: [both.id, system.id] })
      expect(heard()).toEqual([
        { kind: 'group_changed', subject: kitchen.id },
        { kind: 'user_changed', subject: both.id },
        { kind: 'user_changed', subject: system.id },
      ])
      expect(await groupsOf(both)).toEqual(['system-read-only', hall.id])
      expect(await groupsOf(system)).toEqual([])
      expect(await groupsOf(other)).toEqual([hall.id])
      expect(await at.store.groups.remove(kitchen.id)).toBe('not_found')
      expect(await at.store.groups.remove('system-users')).toBe('not_found')
    })

    test('what cannot be logged is not removed, and its users stay in it', async () => {
      const kitchen = await group('Kitchen')
      const who = await person(kitchen.id)
      await at.store.close()
      await at.driver.breakLog('user_changed')
      await at.open()
      await expect(at.store.groups.remove(kitchen.id)).rejects.toThrow(StoreUnavailable)
      await expect(at.store.groups.update(kitchen.id, 1, { policy: {} })).rejects.toThrow(StoreUnavailable)
      expect(await at.store.groups.byIds([kitchen.id])).toEqual([kitchen])
      expect(await groupsOf(who)).toEqual([kitchen.id])
      expect(heard()).toEqual([])
    })

    test('a user is only put into groups that exist', async () => {
      const kitchen = await group('Kitchen')
      const who = await person(kitchen.id, 'system-users')
      const nowhere = newId<GroupId>()
      const lost = newUser(kitchen.id, nowhere)
      expect(await at.store.users.create(lost)).toBe('no_such_group')
      expect(await at.store.users.byId(lost.id)).toBe(null)
      expect(await at.store.users.update(who.id, { name: 'x', groups: [nowhere] })).toBe('no_such_group')
      expect(await at.store.users.byId(who.id)).toEqual(who)
      // A name is no id.
      expect(await at.store.users.update(who.id, { groups: ['Kitchen' as GroupId] })).toBe('no_such_group')
      expect(await at.store.users.update(newId<UserId>(), { groups: [nowhere] })).toBe('not_found')
    })

    test('nobody is put into a group while it is removed, and stays there', async () => {
      for (let round = 0; round < 10; round++) {
        const one = await group(`group ${round}`)
        const who = await person()
        const [, put] = await Promise.all([
          at.store.groups.remove(one.id),
          at.store.users.update(who.id, { groups: [one.id] }),
          at.store.users.create(newUser(one.id)),
        ])
        expect(put).toBe('no_such_group')
        for (const { user } of await at.store.users.list()) expect(user.groups).not.toContain(one.id)
      }
    })

    test('grants are read with the policies of their users’ groups, each once', async () => {
      const [kitchen, hall] = [await group('Kitchen'), await group('Hall', {})]
      const people = [await person(kitchen.id, 'system-users'), await person(hall.id, kitchen.id), await person()]
      const tokens = people.map((who) => newToken(who))
      for (const token of tokens) await at.store.tokens.create(token, null)
      const ids = tokens.map(({ id }) => id)
      const { policies } = await at.store.tokens.grants(ids)
      expect([...policies].sort((a, b) => (a.text < b.text ? 1 : -1))).toEqual([
        { id: hall.id, version: 1, text: '{}' },
        { id: kitchen.id, version: 1, text: JSON.stringify(POLICY) },
      ])
      expect((await at.store.tokens.grants([ids[2]!])).policies).toEqual([])
    })
  })
}
