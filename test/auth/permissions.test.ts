/** The permissions of grants: read with them, compiled once for all who are in the same groups, and never those of yesterday. */
import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { PermissionCache } from '../../src/auth/permissions.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { deriveKeys, newId } from '../../src/auth/secrets.ts'
import { Verifier } from '../../src/auth/verifier.ts'
import { Hub, type Seat } from '../../src/gateway/hub.ts'
import { ChangeFeed } from '../../src/store/changes.ts'
import type { Grant, GrantId, GroupId, GroupPolicy, RefreshToken, User, UserId } from '../../src/store/model.ts'
import { MovableClock } from '../rig.ts'

const KITCHEN = newId<GroupId>()
const HALL = newId<GroupId>()

let feed: ChangeFeed
let verifier: Verifier
let cache: PermissionCache
let invalid: [group: GroupId, why: string][]
const policies = new Map<GroupId, GroupPolicy>()
const standing = new Map<GrantId, Grant>()

const save = (id: GroupId, policy: unknown): void => {
  const version = (policies.get(id)?.version ?? 0) + 1
  policies.set(id, { id, version, text: JSON.stringify(policy) })
}

const grant = (groups: readonly GroupId[], more: Partial<User> = {}): Grant => {
  const id = newId<GrantId>()
  const user: User = {
    id: newId<UserId>(),
    name: 'Ann',
    isOwner: false,
    isActive: true,
    localOnly: false,
    systemGenerated: false,
    groups,
    ...more,
  }
  const token = { id, userId: user.id, salt: randomBytes(16), expireAt: null } as unknown as RefreshToken
  standing.set(id, { token, user, credential: null })
  return standing.get(id)!
}

const permissionsOf = async ({ token: { id } }: Grant) => {
  const found = await new Promise<Parameters<Parameters<Verifier['stand']>[1]>[0]>((resolve, reject) => {
    verifier.stand(id, resolve).catch(reject)
  })
  return found!.permissions
}
const may = async (one: Grant, object: string, key: string, category = 'entities'): Promise<boolean> =>
  (await permissionsOf(one)).check(category, object, key)

const change = (kind: string, subject: string): void =>
  feed.apply([{ seq: feed.head.seq + 1, mark: newId(), kind, subject, data: {}, at: 0 }])

beforeEach(() => {
  feed = new ChangeFeed({ seq: 0, mark: '00' })
  invalid = []
  policies.clear()
  standing.clear()
  cache = new PermissionCache({ categories: ['topics'] }, (...found) => invalid.push(found))
  const grants = async (ids: readonly GrantId[]) => ({
    head: feed.head,
    grants: ids.flatMap((id) => standing.get(id) ?? []),
    policies: [...policies.values()],
  })
  verifier = new Verifier({ grants }, feed, deriveKeys(randomBytes(32)), new MovableClock(), cache)
})

test('the built-in groups allow what they allow in Home Assistant, and no group nothing', async () => {
  for (const key of ['read', 'control', 'edit']) {
    expect(await may(grant(['system-users']), 'light.k', key)).toBe(true)
    expect(await may(grant(['system-read-only']), 'light.k', key)).toBe(key === 'read')
    expect(await may(grant([]), 'light.k', key)).toBe(false)
  }
  expect(await may(grant(['system-users']), 'a', 'read', 'topics')).toBe(false)
})

test('owner and administrators may do everything, also what no policy names', async () => {
  for (const one of [grant([], { isOwner: true }), grant(['system-read-only', 'system-admin'])]) {
    expect(await may(one, 'whatever', 'anything', 'nowhere')).toBe(true)
    expect((await permissionsOf(one)).policy).toEqual({ entities: true, topics: true })
  }
})

test('several groups allow what each of them allows', async () => {
  save(KITCHEN, { entities: { domains: { light: { read: true } } } })
  save(HALL, { topics: { doors: true } })
  const one = grant([HALL, 'system-read-only', KITCHEN])
  expect((await permissionsOf(one)).policy).toEqual({
    entities: { all: { read: true }, domains: { light: { read: true } } },
    topics: { doors: true },
  })
})

test('policies are compiled once for all who are in the same groups, in whatever order', async () => {
  save(KITCHEN, {})
  save(HALL, {})
  const first = await permissionsOf(grant([KITCHEN, HALL]))
  expect(await permissionsOf(grant([HALL, KITCHEN]))).toBe(first)
  expect(await permissionsOf(grant([HALL, KITCHEN, HALL]))).toBe(first)
  expect(await permissionsOf(grant([HALL]))).not.toBe(first)
})

test('a change of another group compiles nothing anew; one of theirs does, and the former is forgotten', async () => {
  save(KITCHEN, { topics: { a: true } })
  save(HALL, {})
  const cook = grant([KITCHEN])
  const before = await permissionsOf(cook)
  save(HALL, { topics: { b: true } })
  change('group_changed', HALL)
  change('user_changed', cook.user.id)
  expect(await permissionsOf(cook)).toBe(before)
  save(KITCHEN, { topics: { c: true } })
  change('group_changed', KITCHEN)
  change('user_changed', cook.user.id)
  expect([await may(cook, 'a', 'read', 'topics'), await may(cook, 'c', 'read', 'topics')]).toEqual([false, true])
  // Also if the older version comes once more, as from a database that was put back.
  policies.set(KITCHEN, { id: KITCHEN, version: 1, text: '{"topics":{"d":true}}' })
  change('group_changed', KITCHEN)
  change('user_changed', cook.user.id)
  expect(await may(cook, 'd', 'read', 'topics')).toBe(true)
})

test('a change of a group that names no user leaves the grants in memory', async () => {
  save(KITCHEN, {})
  const cook = grant([KITCHEN])
  const who = await permissionsOf(cook)
  standing.delete(cook.token.id)
  change('group_changed', KITCHEN)
  expect(await permissionsOf(cook)).toBe(who)
})

test('the sockets of a group’s users are held in the turn of the change, and let go with the new rights; others are not held', async () => {
  save(KITCHEN, { topics: { a: true } })
  const [cook, guest] = [grant([KITCHEN]), grant(['system-users'])]
  const hub = new Hub(verifier, feed)
  const heard: string[] = []
  const released: (() => void)[] = []
  const seatOf = (name: string, who: Principal): Seat => ({
    who,
    address: '127.0.0.1',
    since: 0,
    condemn: () => heard.push(`${name} condemned`),
    depart: () => undefined,
    hold: () => heard.push(`${name} held`),
    release: ({ permissions }) => {
      heard.push(`${name} released, ${permissions.check('topics', 'a', 'read')}`)
      for (const resolve of released.splice(0)) resolve()
    },
  })
  const sit = (name: string, one: Grant): Promise<void> =>
    verifier.stand(one.token.id, (who) => hub.add({ seat: seatOf(name, who!) }, who!))
  await sit('cook', cook)
  await sit('guest', guest)
  save(KITCHEN, {})
  change('group_changed', KITCHEN)
  expect(heard).toEqual([])
  const judged = new Promise<void>((resolve) => released.push(resolve))
  change('user_changed', cook.user.id)
  expect(heard).toEqual(['cook held'])
  await judged
  expect(heard).toEqual(['cook held', 'cook released, false'])
})

test('a group that is gone allows nothing', async () => {
  expect(await may(grant([KITCHEN]), 'light.k', 'read')).toBe(false)
})

test('what is wrong in a policy that was not saved here allows nothing, and is told once', async () => {
  save(KITCHEN, { entities: { domains: false, all: { read: true } }, sensors: true })
  const people = [grant([KITCHEN]), grant([KITCHEN])]
  for (const one of people) {
    expect(await may(one, 'light.k', 'control')).toBe(false)
    expect(await may(one, 'x', 'read', 'sensors')).toBe(false)
    expect(await may(one, 'light.k', 'read')).toBe(true)
  }
  expect(invalid).toEqual([[KITCHEN, "expected true or a dictionary of ids @ data['policy']['entities']['domains']"]])
})
