/** Nobody gives rights that they do not hold: whoever changes whatever, nobody's rights grow by it who should not gain any. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { compilePolicies } from '../../src/auth/policy.ts'
import type { Policy } from '../../src/store/model.ts'
import { closeRigs } from '../rig.ts'
import { admit, begin, told, type Wire } from './members.ts'
import type { Ask } from './people.ts'

afterEach(closeRigs)

interface Rights {
  readonly policy: Policy
  readonly is_admin: boolean
  readonly is_owner: boolean
}

const rightsOf = async (ask: Ask): Promise<Rights> => {
  const policy = (await told(ask, 'auth/permissions')) as Policy
  const { is_admin, is_owner } = (await told(ask, 'auth/current_user')) as Rights
  return { policy, is_admin, is_owner }
}

const options = { categories: ['topics', 'documents'] }
const grew = (before: Rights, after: Rights): boolean =>
  (after.is_admin && !before.is_admin) ||
  (after.is_owner && !before.is_owner) ||
  !compilePolicies([before.policy], options).covers(after.policy)

const yes = fc.constant(true as const)
const actions = fc.oneof(yes, fc.record({ read: yes, edit: yes }, { requiredKeys: [], noNullPrototype: true }))
const objects = fc.record({ a: actions, b: actions }, { requiredKeys: [], noNullPrototype: true })
const policies = fc.record(
  {
    entities: fc.record({ all: actions }, { noNullPrototype: true }),
    topics: fc.oneof(yes, objects),
    documents: objects,
  },
  { requiredKeys: [], noNullPrototype: true },
)

const NAMES = ['owner', 'adm', 'usr', 'ro', 'member', 'nobody'] as const
const name = fc.constantFrom(...NAMES)
/** Mostly those whose changes are carried out. */
const actors = fc.oneof(fc.constantFrom('owner', 'adm'), name)
const groups = ['system-admin', 'system-users', 'system-read-only', 'GROUP'] as const
const group = fc.constantFrom(...groups)
/** A command; who and which group is meant stands in capitals until it is sent. */
const change = fc.oneof(
  fc.record({ type: fc.constant('config/auth/update'), user_id: name, group_ids: fc.uniqueArray(group) }),
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('config/auth/groups/update'),
      group_id: fc.oneof(group, fc.constant('GROUP')),
      policy: policies,
    }),
  },
  fc.record({ type: fc.constant('config/auth/groups/create'), name: fc.constant('another'), policy: policies }),
  fc.record({ type: fc.constant('config/auth/groups/delete'), group_id: group }),
  fc.record({ type: fc.constant('config/auth/create'), name: fc.constant('Eve'), group_ids: fc.uniqueArray(group) }),
)

test('whoever changes whatever: the own rights never grow, and nobody’s do by the hand of who may not (F1)', async () => {
  const { gateway, owner } = await begin()
  const people = new Map<string, { ask: Ask; id: string }>()
  const { id: ownerId } = (await told(owner, 'auth/current_user')) as { id: string }
  people.set('owner', { ask: owner, id: ownerId })
  for (const one of NAMES.slice(1)) people.set(one, await admit(gateway, owner, one, []))
  const remove = async (): Promise<void> => {
    const { items } = (await told(owner, 'config/auth/groups/list')) as { items: Wire[] }
    for (const { id, system_generated } of items) {
      if (!system_generated) await told(owner, 'config/auth/groups/delete', { group_id: id })
    }
    for (const { id, name } of (await told(owner, 'config/auth/list')) as { id: string; name: string }[]) {
      if (name === 'Eve') await told(owner, 'config/auth/delete', { user_id: id })
    }
  }
  /** Everybody as they were, and a group with this policy. */
  const reset = async (policy: object): Promise<string> => {
    await remove()
    const { group } = (await told(owner, 'config/auth/groups/create', { name: 'one', policy })) as { group: Wire }
    const members = {
      owner: ['system-admin'],
      adm: ['system-admin'],
      usr: ['system-users'],
      ro: ['system-read-only'],
      member: [group.id],
      nobody: [],
    }
    for (const [who, group_ids] of Object.entries(members)) {
      await told(owner, 'config/auth/update', { user_id: people.get(who)!.id, group_ids })
    }
    return group.id
  }
  const all = async (): Promise<Map<string, Rights>> => {
    const rights = new Map<string, Rights>()
    for (const [who, { ask }] of people) rights.set(who, await rightsOf(ask))
    return rights
  }

  let [done, grown] = [0, 0]
  const property = fc.asyncProperty(actors, change, policies, async (actor, { type, ...fields }, policy) => {
    const groupId = await reset(policy)
    const meant = (text: unknown): unknown => (text === 'GROUP' ? groupId : text)
    const sent = Object.fromEntries(
      Object.entries(fields).map(([key, value]) => {
        if (key === 'user_id') return [key, people.get(value as string)!.id]
        return [key, Array.isArray(value) ? value.map(meant) : meant(value)]
      }),
    )
    const before = await all()
    const outcome = await told(people.get(actor)!.ask, type, sent)
    if (typeof outcome !== 'string') done++
    const after = await all()
    const gained = NAMES.filter((who) => grew(before.get(who)!, after.get(who)!))
    grown += gained.length
    expect(gained).not.toContain(actor)
    if (actor === 'owner') return
    // A policy is widened by the owner alone; who is no administrator changes nothing at all.
    if (type !== 'config/auth/update') expect(gained).toEqual([])
    if (actor !== 'adm') expect([outcome, after]).toEqual(['unauthorized', before])
  })
  await fc.assert(property, { numRuns: 150 })
  // Otherwise nothing was tried.
  expect(done).toBeGreaterThan(20)
  expect(grown).toBeGreaterThan(2)
}, 60_000)
