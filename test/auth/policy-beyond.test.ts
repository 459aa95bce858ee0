/** What one policy allows and another does not: all of it, nothing that is not allowed, and no rule for nothing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compilePolicies,
  describePolicy,
  everything,
  type Location,
  mergePolicies,
  policyBeyond,
} from '../../src/auth/policy.ts'
import { isObject } from '../../src/protocol/json.ts'
import type { Policy } from '../../src/store/model.ts'
import { categories, locate, policy, question } from './policies.ts'

/** LATCHKEY_POLICY_RUNS=100000 for more. */
const RUNS = Number(process.env['LATCHKEY_POLICY_RUNS'] ?? 10_000)
const NAMED = ['read', 'control', 'edit']

const beyond = (some: Policy, other: Policy): Policy => policyBeyond(some, other, { categories })

/** A category, an object that only one rule is about, and a key that this rule allows. */
interface Witness {
  readonly question: readonly [category: string, object: string, key: string]
  readonly place?: Location
}

const keysOf = (actions: unknown): string[] => (actions === true ? NAMED : Object.keys(actions as object))

const FRESH = 'fresh.fresh'

/** For each thing that a policy says an object that nothing else in any policy is about. */
const witnesses = (said: Policy): Witness[] => {
  const found: Witness[] = []
  const { entities, topics } = said
  if (topics === true) found.push(...NAMED.map((key): Witness => ({ question: ['topics', FRESH, key] })))
  else
    for (const [id, actions] of Object.entries(topics ?? {}))
      found.push(...keysOf(actions).map((key): Witness => ({ question: ['topics', id, key] })))
  if (entities === true) return [...found, ...NAMED.map((key): Witness => ({ question: ['entities', FRESH, key] }))]
  const parts = isObject(entities) ? entities : {}
  for (const key of keysOf(parts['all'] ?? {})) found.push({ question: ['entities', FRESH, key] })
  const where: Readonly<Record<string, (id: string) => { object: string; place?: Location }>> = {
    entity_ids: (object) => ({ object }),
    domains: (id) => ({ object: `${id}.fresh` }),
    device_ids: (device_id) => ({ object: FRESH, place: { device_id } }),
    area_ids: (area_id) => ({ object: FRESH, place: { area_id } }),
  }
  for (const [part, at] of Object.entries(where)) {
    for (const [id, actions] of Object.entries(parts[part] ?? {})) {
      const { object, ...rest } = at(id)
      found.push(...keysOf(actions).map((key): Witness => ({ question: ['entities', object, key], ...rest })))
    }
  }
  return found
}

describe('what a policy allows beyond another', () => {
  test('is all that it allows and the other does not, and nothing that it does not allow', () => {
    let changed = 0
    let asked = 0
    const property = fc.property(
      policy,
      fc.array(policy, { maxLength: 2 }),
      fc.array(question, { minLength: 20, maxLength: 20 }),
      (some, others, questions) => {
        const other = mergePolicies(others)
        const of = (one: Policy) => compilePolicies([one], { categories, locate })
        const [after, before, said] = [of(some), of(other), of(beyond(some, other))]
        for (const one of questions) {
          const isNew = after.check(...one) && !before.check(...one)
          if (isNew && NAMED.includes(one[2])) expect([one, said.check(...one)]).toEqual([one, true])
          if (said.check(...one)) expect([one, after.check(...one)]).toEqual([one, true])
          changed += Number(isNew)
          asked++
        }
      },
    )
    fc.assert(property, { numRuns: RUNS })
    expect(changed / asked).toBeGreaterThan(0.05)
  }, 120_000)

  test('has no rule that changes nothing: each allows something to an object that the other does not allow it to', () => {
    let seen = 0
    const property = fc.property(policy, policy, (some, other) => {
      for (const { question: one, place } of witnesses(beyond(some, other))) {
        const { check } = compilePolicies([other], { categories, locate: () => place })
        expect([one, check(...one)]).toEqual([one, false])
        seen++
      }
    })
    fc.assert(property, { numRuns: RUNS })
    expect(seen).toBeGreaterThan(RUNS)
  }, 120_000)

  test('is nothing where the other covers it, and a policy that could be saved', () => {
    let covered = 0
    const property = fc.property(policy, policy, (some, other) => {
      const said = beyond(some, other)
      expect(describePolicy(said, { categories })).toBe(null)
      expect(beyond(some, mergePolicies([some, other]))).toEqual({})
      if (!compilePolicies([other], { categories }).covers(some)) return
      expect(said).toEqual({})
      covered++
    })
    fc.assert(property, { numRuns: 3000 })
    expect(covered).toBeGreaterThan(100)
  })
})

const all = { entities: true, topics: true }

/** Before, after, and what was gained and lost. */
const rows: readonly (readonly [before: Policy, after: Policy, gained: Policy, lost: Policy])[] = [
  [{}, {}, {}, {}],
  [{}, all, all, {}],
  // From a user to one who may only read.
  [{ entities: true }, { entities: { all: { read: true } } }, {}, { entities: { all: { control: true, edit: true } } }],
  // There is no "all but": what is lost is wider than it need be, and says so as the policy of now still allows it.
  [{ entities: true }, { entities: { domains: { light: true } } }, {}, { entities: true }],
  [{ topics: true }, { topics: { a: true } }, {}, { topics: true }],
  [{ topics: { a: { read: true } } }, { topics: { a: true } }, { topics: { a: { control: true, edit: true } } }, {}],
  [{ topics: { a: true } }, { topics: { b: true } }, { topics: { b: true } }, { topics: { a: true } }],
  [{ topics: { a: true }, entities: {} }, { topics: { a: true } }, {}, {}],
  // The same in other words.
  [{ entities: { all: true } }, { entities: { area_ids: true } }, {}, {}],
  [
    { entities: { domains: { light: { read: true } } } },
    { entities: { domains: { light: { read: true } }, entity_ids: { 'light.a': { read: true, edit: true } } } },
    { entities: { entity_ids: { 'light.a': { edit: true } } } },
    {},
  ],
  // Where things are may change: a rule for a place takes nothing off one for an entity.
  [
    { entities: { area_ids: { hall: { read: true } } } },
    { entities: { entity_ids: { 'light.a': { read: true } } } },
    { entities: { entity_ids: { 'light.a': { read: true } } } },
    { entities: { area_ids: { hall: { read: true } } } },
  ],
  // Keys beyond the three are not spoken of.
  [{ topics: { a: { read: true, control: true, edit: true } } }, { topics: { a: true } }, {}, {}],
]

test.each(rows)('from %j to %j', (before, after, gained, lost) => {
  expect([beyond(after, before), beyond(before, after)]).toEqual([gained, lost])
})

test('names that every object has, and the name of the prototype, are told like others', () => {
  const stored = JSON.parse('{"topics":{"__proto__":{"read":true},"toString":true}}') as Policy
  expect(JSON.stringify(beyond(stored, {}))).toBe('{"topics":{"__proto__":{"read":true},"toString":true}}')
  expect(beyond({}, stored)).toEqual({})
  expect(beyond(everything({ categories }).policy, stored)).toEqual(all)
})
