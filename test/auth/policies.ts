/** Policies of every kind, and questions that they answer. */
import fc from 'fast-check'
import type { Location } from '../../src/auth/policy.ts'

/** Those that are configured. */
export const categories = ['topics']
export const ENTITIES = ['light.a', 'light.b', 'switch.a', 'light', '', 'a.b.c', 'toString', '__proto__', 'LIGHT.A']
const DEVICES = ['d1', 'd2', 'constructor']
const AREAS = ['kitchen', 'hall']
const KEYS = ['read', 'control', 'edit', 'other', 'valueOf']

const places: ReadonlyMap<string, Location> = new Map([
  ['light.a', { device_id: 'd1', area_id: 'kitchen' }],
  ['light.b', { device_id: 'd1' }],
  ['switch.a', { device_id: 'd2', area_id: 'hall' }],
  ['toString', { device_id: 'constructor' }],
])
export const locate = (object: string) => places.get(object)

const yes = fc.constant(true as const)
const actions = fc.oneof(
  yes,
  fc.record({ read: yes, control: yes, edit: yes }, { requiredKeys: [], noNullPrototype: true }),
)
const idMap = (ids: readonly string[]) =>
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...ids), actions), { selector: ([id]) => id, maxLength: 4 })
    .map((entries) => {
      return Object.fromEntries(entries) as object
    })
/** `true` for a whole map is rare, as it decides everything. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: yes })
const entities = rarely(
  fc.record(
    {
      entity_ids: rarely(idMap(ENTITIES)),
      device_ids: rarely(idMap(DEVICES)),
      area_ids: rarely(idMap(AREAS)),
      domains: rarely(idMap(['light', 'switch', 'a', ''])),
      all: rarely(fc.record({ read: yes, control: yes, edit: yes }, { requiredKeys: [], noNullPrototype: true })),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
)
export const policy = fc.record(
  { entities, topics: rarely(idMap(ENTITIES)) },
  { requiredKeys: [], noNullPrototype: true },
) as fc.Arbitrary<Record<string, unknown>>
/** Category, object and key. */
export const question = fc.tuple(
  fc.constantFrom('entities', 'topics', 'nothing', '__proto__'),
  fc.constantFrom(...ENTITIES),
  fc.constantFrom(...KEYS),
)
