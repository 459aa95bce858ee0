/** Policies: what is taken and refused, what a merge allows, and that the compiled form says what the rules say. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePolicies, describePolicy, everything, mergePolicies } from '../../src/auth/policy.ts'
import { categories, locate, policy, question } from './policies.ts'
import { referenceCheck } from './reference-policy.ts'

/** `npm run policies` for a hundred thousand. */
const RUNS = Number(process.env['LATCHKEY_POLICY_RUNS'] ?? 10_000)
describe('compiled policies', () => {
  test('answer as the rules read aloud do, for any policies, merged (F8)', () => {
    let allowed = 0
    let asked = 0
    const property = fc.property(
      fc.array(policy, { maxLength: 3 }),
      fc.array(question, { minLength: 10, maxLength: 10 }),
      (policies, questions) => {
        const permissions = compilePolicies(policies, { categories, locate })
        for (const one of questions) {
          const answer = permissions.check(...one)
          expect(answer).toBe(referenceCheck(policies, categories, locate, one))
          allowed += Number(answer)
          asked++
        }
      },
    )
    fc.assert(property, { numRuns: RUNS })
    // Both answers are common: otherwise nothing was compared.
    expect(allowed / asked).toBeGreaterThan(0.1)
    expect(allowed / asked).toBeLessThan(0.9)
  }, 120_000)

  test('every policy that can be generated is valid, and its merge too', () => {
    const property = fc.property(fc.array(policy, { maxLength: 3 }), (policies) => {
      for (const one of [...policies, mergePolicies(policies)]) expect(describePolicy(one, { categories })).toBe(null)
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('whoever covers a policy is allowed all that it allows, and a merge covers its parts', () => {
    let covered = 0
    const property = fc.property(
      fc.array(policy, { maxLength: 2 }),
      policy,
      fc.array(question, { minLength: 20, maxLength: 20 }),
      (policies, other, questions) => {
        const outer = compilePolicies(policies, { categories, locate })
        const inner = compilePolicies([other], { categories, locate })
        for (const one of policies) expect(outer.covers(one)).toBe(true)
        const covers = outer.covers(other)
        covered += Number(covers)
        for (const one of questions) if (covers && inner.check(...one)) expect(outer.check(...one)).toBe(true)
      },
    )
    fc.assert(property, { numRuns: 3000 })
    expect(covered).toBeGreaterThan(100)
  })

  test('a wider policy is not covered by a narrower one', () => {
    const narrow = compilePolicies([{ entities: { domains: { light: { read: true } } } }], { categories })
    expect(narrow.covers({ entities: { entity_ids: { 'light.a': { read: true } } } })).toBe(true)
    for (const wider of [
      { entities: true },
      { topics: { a: true } },
      { entities: { all: { read: true } } },
      { entities: { domains: { light: { control: true } } } },
      { entities: { domains: { light: true } } },
      { entities: { domains: { switch: { read: true } } } },
      { entities: { entity_ids: { 'switch.a': { read: true } } } },
      { entities: { device_ids: { d1: { read: true } } } },
      { entities: { area_ids: true } },
    ]) {
      expect([wider, narrow.covers(wider)]).toEqual([wider, false])
    }
  })
})

/** Home Assistant's own rows: policy, and what of these may be read. */
const readable: readonly (readonly [policy: unknown, objects: readonly string[]])[] = [
  [{}, []],
  [{ entities: null }, []],
  [{ entities: {} }, []],
  [{ sensors: true }, []],
  [{ entities: { rooms: true } }, []],
  [{ entities: { all: {} } }, []],
  [{ entities: { all: null } }, []],
  [{ entities: { all: { control: true } } }, []],
  [{ entities: { entity_ids: { 'light.*': true, 'LIGHT.K': true } } }, []],
  [{ entities: { domains: null, all: { read: true } } }, ['light.k', 'switch.k']],
  [{ entities: { domains: { light: {} }, all: { read: true } } }, ['light.k', 'switch.k']],
  [{ entities: { device_ids: true } }, ['light.k', 'switch.k']],
  [{ entities: { entity_ids: { 'light.k': null }, domains: { light: true } } }, ['light.k']],
  [{ entities: { entity_ids: { 'light.k': { control: true } }, domains: { light: true } } }, ['light.k']],
  // What would raise in Home Assistant denies.
  [{ entities: { domains: false } }, []],
  [{ entities: { domains: { light: 'yes' }, all: ['read'] } }, []],
  [{ entities: 1 }, []],
  [null, []],
  ['all', []],
]

test.each(readable)('of %j can be read what Home Assistant lets read', (stored, objects) => {
  const { check } = compilePolicies([stored], { categories })
  expect(['light.k', 'switch.k'].filter((object) => check('entities', object, 'read'))).toEqual(objects)
})

test('control does not imply read, and read not control', () => {
  const { check } = compilePolicies([{ entities: { all: { control: true } } }], { categories })
  expect(['read', 'control', 'edit'].map((key) => check('entities', 'light.k', key))).toEqual([false, true, false])
})

test('a merge is a union: true wins over objects, objects merge, null has no opinion', () => {
  const light = { entities: { entity_ids: { 'light.k': { read: true } } } }
  expect(mergePolicies([light, { entities: true }])).toEqual({ entities: true })
  expect(mergePolicies([{ entities: null }, light])).toEqual(light)
  expect(mergePolicies([{ entities: null }, { entities: true }])).toEqual({ entities: true })
  expect(
    mergePolicies([light, { entities: { entity_ids: { 'light.k': { edit: true } }, domains: { a: true } } }]),
  ).toEqual({ entities: { entity_ids: { 'light.k': { read: true, edit: true } }, domains: { a: true } } })
  expect(mergePolicies([])).toEqual({})
  expect(mergePolicies([{ entities: null }])).toEqual({})
})

test('names that every object has, and the name of the prototype, are ids like others', () => {
  const stored = JSON.parse(
    '{"topics":{"__proto__":{"read":true},"toString":true},"entities":{"__proto__":{"all":true}}}',
  )
  const { check, policy: merged } = compilePolicies([stored, {}], { categories })
  expect(check('topics', '__proto__', 'read')).toBe(true)
  expect(check('topics', '__proto__', 'edit')).toBe(false)
  expect(check('topics', 'toString', 'edit')).toBe(true)
  expect(check('topics', 'valueOf', 'read')).toBe(false)
  expect(check('entities', 'x', 'read')).toBe(false)
  expect(({} as { all?: unknown }).all).toBe(undefined)
  expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
})

const nested = (depth: number): unknown => {
  let value: unknown = true
  for (let i = 0; i < depth; i++) value = { a: value }
  return value
}
const sized = (bytes: number): unknown => {
  const empty = JSON.stringify({ topics: { '': true } }).length
  return { topics: { ['x'.repeat(bytes - empty)]: true } }
}

/** A policy, and what is said of it. */
const refused: readonly (readonly [policy: unknown, sentence: string])[] = [
  [[], "expected a dictionary for dictionary value @ data['policy']"],
  [null, "expected a dictionary for dictionary value @ data['policy']"],
  [{ sensors: true }, "extra keys not allowed @ data['policy']"],
  [{ entities: false }, "expected true or a dictionary @ data['policy']['entities']"],
  [{ entities: null }, "expected true or a dictionary @ data['policy']['entities']"],
  [{ entities: { rooms: {} } }, "extra keys not allowed @ data['policy']['entities']"],
  [{ entities: { domains: false } }, "expected true or a dictionary of ids @ data['policy']['entities']['domains']"],
  [
    { entities: { domains: { light: true, lock: false } } },
    "expected true or a dictionary of read, control and edit @ data['policy']['entities']['domains'][1]",
  ],
  [
    { entities: { entity_ids: { 'light.k': { read: true, write: true } } } },
    "extra keys not allowed @ data['policy']['entities']['entity_ids'][0]",
  ],
  [
    { entities: { entity_ids: { 'light.k': { read: false } } } },
    "expected true @ data['policy']['entities']['entity_ids'][0]['read']",
  ],
  [{ entities: { all: { read: null } } }, "expected true @ data['policy']['entities']['all']['read']"],
  [{ topics: 'all' }, "expected true or a dictionary of ids @ data['policy']['topics']"],
  [{ topics: nested(8) }, "nested more than 8 deep @ data['policy']"],
  [{ topics: { a: nested(6) } }, "extra keys not allowed @ data['policy']['topics'][0]"],
  [{ topics: nested(5000) }, "nested more than 8 deep @ data['policy']"],
  [sized(64 * 1024 + 1), "value is too large @ data['policy']"],
]

test.each(refused.map(([bad, sentence]) => [sentence, bad] as const))('refused: %s', (sentence, bad) => {
  expect(describePolicy(bad, { categories })).toBe(sentence)
})

test('a policy of 64 KiB is taken, and empty ones (F8)', () => {
  for (const good of [sized(64 * 1024), {}, { entities: {} }, { entities: { all: {}, domains: {} }, topics: {} }]) {
    expect(describePolicy(good, { categories })).toBe(null)
  }
})

test('a category that is not configured allows nothing, whatever was saved (F8)', () => {
  expect(compilePolicies([{ topics: true }], { categories: [] }).check('topics', 'a', 'read')).toBe(false)
  expect(everything({ categories }).check('whatever', 'a', 'b')).toBe(true)
  expect(everything({ categories }).policy).toEqual({ entities: true, topics: true })
})
