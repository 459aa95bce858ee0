/** Groups and their policies: who may change them, and what their members may do. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { authenticated, closeRigs, exchange, logIn, rig } from '../rig.ts'
import { admit, begin, enter, TOPICS, told, type Wire } from './members.ts'
import { type Ask, asker } from './people.ts'

afterEach(closeRigs)

const BUILT_IN = [
  { id: 'system-admin', name: 'Administrators', policy: { entities: true }, system_generated: true },
  { id: 'system-users', name: 'Users', policy: { entities: true }, system_generated: true },
  {
    id: 'system-read-only',
    name: 'Read Only',
    policy: { entities: { all: { read: true } } },
    system_generated: true,
  },
]

test('a group is made, listed after the built-in ones, changed and removed, and survives a restart', async () => {
  const { gateway, owner } = await begin()
  const policy = { entities: { domains: { light: true } }, topics: { news: { read: true } } }
  const { group } = (await told(owner, 'config/auth/groups/create', { name: 'Kitchen', policy })) as { group: Wire }
  expect(group).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    name: 'Kitchen',
    policy,
    system_generated: false,
  })
  expect(await told(owner, 'config/auth/groups/list')).toEqual({ items: [...BUILT_IN, group], next: null })
  const renamed = { ...group, name: 'Kitchens' }
  const change = { group_id: group.id, name: 'Kitchens' }
  expect(await told(owner, 'config/auth/groups/update', change)).toEqual({ group: renamed })
  await gateway.restart()
  const again = asker(
    await authenticated(gateway.url, (await exchange(gateway.url, await logIn(gateway.url))).access_token),
  )
  expect(await told(again, 'config/auth/groups/list')).toEqual({ items: [...BUILT_IN, renamed], next: null })
  expect(await told(again, 'config/auth/groups/delete', { group_id: group.id })).toBe(null)
  expect(await told(again, 'config/auth/groups/delete', { group_id: group.id })).toBe('not_found')
  expect(await told(again, 'config/auth/groups/update', { group_id: group.id })).toBe('not_found')
  expect(await told(again, 'config/auth/groups/list')).toEqual({ items: BUILT_IN, next: null })
})

test('the built-in groups are neither changed nor removed, and nobody takes their names', async () => {
  const { owner } = await begin()
  for (const { id, name } of BUILT_IN) {
    for (const change of [{ name: 'x' }, { policy: {} }, {}]) {
      expect(await told(owner, 'config/auth/groups/update', { group_id: id, ...change })).toBe(
        'cannot_modify_system_group',
      )
    }
    expect(await told(owner, 'config/auth/groups/delete', { group_id: id })).toBe('cannot_modify_system_group')
    for (const same of [id, name, ` ${name.toUpperCase()}`]) {
      expect(await told(owner, 'config/auth/groups/create', { name: same, policy: {} })).toBe('already_exists')
    }
  }
  expect(await told(owner, 'config/auth/groups/list')).toEqual({ items: BUILT_IN, next: null })
})

test('names are no ids, and names that look the same are the same (F2)', async () => {
  const { owner, create } = await begin()
  const a = await create('a', {})
  await create('a/b', {})
  for (const name of ['A', 'a ', ' a', 'ａ']) {
    expect(await told(owner, 'config/auth/groups/create', { name, policy: {} })).toBe('already_exists')
  }
  expect(await told(owner, 'config/auth/groups/update', { group_id: 'a' })).toBe('not_found')
  for (const group_ids of [['a'], [a.id, 'a/b'], [a.id.toUpperCase()], ['']]) {
    expect(await told(owner, 'config/auth/create', { name: 'Bob', group_ids })).toBe('unknown_error')
  }
  const { user } = (await told(owner, 'config/auth/create', { name: 'Bob', group_ids: [a.id, 'system-users'] })) as {
    user: { id: string; group_ids: string[] }
  }
  expect(user.group_ids).toEqual([a.id, 'system-users'])
  // What refers to a group goes with it, also if another takes its name.
  await told(owner, 'config/auth/groups/delete', { group_id: a.id })
  await create('a', { entities: true })
  const people = (await told(owner, 'config/auth/list')) as { id: string; group_ids: string[] }[]
  expect(people.find(({ id }) => id === user.id)?.group_ids).toEqual(['system-users'])
})

test('a list comes in pieces, and large policies in smaller ones, each group once', async () => {
  const { owner, create } = await begin(rig, { ...TOPICS, 'limits.max_message': '128KiB' })
  const large = { topics: { ['x'.repeat(60_000)]: true } }
  const made: string[] = []
  for (let i = 0; i < 24; i++) made.push((await create(`group ${i}`, i % 2 === 0 ? large : {})).id)
  const walk = async (limit?: number): Promise<{ ids: string[]; pages: number }> => {
    const ids: string[] = []
    let after: string | null | undefined
    for (let pages = 1; ; pages++) {
      const page = (await told(owner, 'config/auth/groups/list', { limit, after })) as {
        items: Wire[]
        next: string | null
      }
      if (limit !== undefined) expect(page.items.length).toBeLessThanOrEqual(limit)
      expect(JSON.stringify(page).length).toBeLessThan(600_000)
      ids.push(...page.items.map(({ id }) => id))
      if (page.next === null) return { ids, pages }
      after = page.next
    }
  }
  const all = [...BUILT_IN.map(({ id }) => id), ...made]
  expect(await walk()).toEqual({ ids: all, pages: 2 })
  expect(await walk(1)).toEqual({ ids: all, pages: 27 })
  expect(await walk(2)).toEqual({ ids: all, pages: 14 })
  expect(await walk(4)).toEqual({ ids: all, pages: 7 })
})

test('administrators make, narrow, rename and remove groups; only the owner allows more than before; others hear no (F1)', async () => {
  const { gateway, owner } = await begin()
  const admin = await admit(gateway, owner, 'adm', ['system-admin'])
  const other = await admit(gateway, owner, 'usr', ['system-users'])
  const both = { topics: { a: { read: true }, b: true } }
  const make = { name: 'x', policy: both }
  const { group } = (await told(admin.ask, 'config/auth/groups/create', make)) as { group: Wire }
  const update = (ask: Ask, change: object) => told(ask, 'config/auth/groups/update', { group_id: group.id, ...change })
  expect(await update(admin.ask, { name: 'y' })).toMatchObject({ group: { name: 'y', policy: both } })
  expect(await update(admin.ask, { policy: { topics: { b: true } } })).toMatchObject({ group: { name: 'y' } })
  for (const policy of [
    both,
    { topics: true },
    { entities: { all: { read: true } } },
    { documents: { b: { read: true } } },
  ]) {
    expect(await update(admin.ask, { name: 'z', policy })).toBe('unauthorized')
  }
  expect(await update(owner, { policy: both })).toMatchObject({ group: { name: 'y', policy: both } })
  for (const [type, fields] of [
    ['list', {}],
    ['create', { name: 'mine', policy: {} }],
    ['update', { group_id: group.id, policy: {} }],
    ['update', { group_id: 'nope' }],
    ['delete', { group_id: group.id }],
  ] as const) {
    expect(await told(other.ask, `config/auth/groups/${type}`, fields)).toBe('unauthorized')
  }
  expect(await told(admin.ask, 'config/auth/groups/delete', { group_id: group.id })).toBe(null)
})

test('of changes at the same time none is judged against a policy that is gone (F1)', async () => {
  const { gateway, owner, create } = await begin()
  const admin = await admit(gateway, owner, 'adm', ['system-admin'])
  const wide = { topics: { a: true } }
  for (let round = 0; round < 20; round++) {
    const { id } = await create(`group ${round}`, wide)
    const [narrowed] = await Promise.all([
      told(owner, 'config/auth/groups/update', { group_id: id, policy: {} }),
      // Not wider than what stands: unless the owner was first.
      told(admin.ask, 'config/auth/groups/update', { group_id: id, policy: wide }),
    ])
    expect(narrowed).toMatchObject({ group: { policy: {} } })
    const { items } = (await told(owner, 'config/auth/groups/list')) as { items: Wire[] }
    expect(items.find((group) => group.id === id)?.policy).toEqual({})
  }
})

test('everybody learns what they may do: owner and administrators everything, others what their groups say', async () => {
  const { gateway, owner, create } = await begin()
  const kitchen = await create('Kitchen', {
    entities: { domains: { light: { control: true } } },
    topics: { news: true },
  })
  const hall = await create('Hall', { entities: { domains: { light: { read: true } } } })
  const cook = await admit(gateway, owner, 'cook', [kitchen.id, hall.id])
  const admin = await admit(gateway, owner, 'adm', ['system-admin'])
  const nobody = await admit(gateway, owner, 'nobody', [])
  const everything = { entities: true, topics: true, documents: true }
  expect(await told(owner, 'auth/permissions')).toEqual(everything)
  expect(await told(admin.ask, 'auth/permissions')).toEqual(everything)
  expect(await told(nobody.ask, 'auth/permissions')).toEqual({})
  expect(await told(cook.ask, 'auth/permissions')).toEqual({
    entities: { domains: { light: { control: true, read: true } } },
    topics: { news: true },
  })
  expect(await cook.may('entities', 'light.k', 'read')).toBe(true)
  expect(await cook.may('entities', 'light.k', 'edit')).toBe(false)
  expect(await cook.may('entities', 'switch.k', 'read')).toBe(false)
  expect(await cook.may('topics', 'news', 'edit')).toBe(true)
  expect(await cook.may('documents', 'news', 'read')).toBe(false)
  expect(await nobody.may('entities', 'light.k', 'read')).toBe(false)
  expect(await admin.may('documents', 'x', 'edit')).toBe(true)
})

test('a saved policy whose category is not configured any more allows nothing, and the log says so', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'latchkey-groups-'))
  onTestFinished(() => rmSync(data_dir, { recursive: true }))
  const { gateway, owner, create } = await begin(rig, { ...TOPICS, data_dir })
  const { id } = await create('x', { topics: true, entities: { all: { read: true } } })
  const member = await admit(gateway, owner, 'member', [id])
  expect(await member.may('topics', 'a', 'read')).toBe(true)
  await gateway.stop()
  const without = await rig({ data_dir, 'policy.categories': 'documents' })
  const ask = asker(await enter(without, 'member'))
  const may = (category: string) => told(ask, 'auth/check', { category, object: 'a', key: 'read' })
  expect([await may('topics'), await may('documents'), await may('entities')]).toEqual([false, false, true])
  const lines = without.logged.filter(({ msg }) => String(msg).startsWith('a policy is not valid'))
  expect(lines).toMatchObject([{ group: id, why: "extra keys not allowed @ data['policy']" }])
})
