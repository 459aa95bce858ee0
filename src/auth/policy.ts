/** Permission policies: judged when they are saved, merged over a user's groups, compiled once to look-ups. They only allow. */
import { isObject } from '../protocol/json.ts'
import type { Policy } from '../store/model.ts'

export const MAX_POLICY_BYTES = 64 * 1024
export const MAX_POLICY_DEPTH = 8

/** The category of Home Assistant; more are configured. */
const ENTITIES = 'entities'
/** What maps ids within `entities`; `all` stands beside them. */
const ID_MAPS = ['entity_ids', 'device_ids', 'area_ids', 'domains'] as const
type IdMap = (typeof ID_MAPS)[number]
const idMaps: ReadonlySet<string> = new Set(ID_MAPS)

const bits: Readonly<Record<string, number>> = { read: 1, control: 2, edit: 4 }
const READ_CONTROL_EDIT = Object.keys(bits)
/** A key that no policy names: only `true` allows it. */
const ANY_OTHER = 8
const EVERYTHING = 15

const bitOf = (key: string): number => (Object.hasOwn(bits, key) ? bits[key]! : ANY_OTHER)

/** Where an entity is; what is not known matches nothing. */
export interface Location {
  readonly device_id?: string
  /** The device's area. */
  readonly area_id?: string
}

export interface PolicyOptions {
  /** Categories besides `entities`: each `true`, or a map of object ids. */
  readonly categories: readonly string[]
  /** Finds an entity's device and area. */
  readonly locate?: ((entityId: string) => Location | undefined) | undefined
}

/** What somebody may do. */
export interface Permissions {
  /** The merged policy. */
  readonly policy: Policy
  /** May they do `key` to this object? No, unless the policy says so. */
  check(category: string, object: string, key: string): boolean
  /** True only if all that this policy allows is allowed here too. */
  covers(policy: Policy): boolean
}

// Judging

const tooDeep = (value: unknown): boolean => {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_POLICY_DEPTH) return true
    level = level.flatMap((one) => (one !== null && typeof one === 'object' ? Object.values(one) : []))
  }
  return false
}

const actions = (value: unknown, at: string): string | null => {
  if (value === true) return null
  if (!isObject(value)) return `expected true or a dictionary of read, control and edit @ ${at}`
  for (const [key, allowed] of Object.entries(value)) {
    if (!Object.hasOwn(bits, key)) return `extra keys not allowed @ ${at}`
    if (allowed !== true) return `expected true @ ${at}['${key}']`
  }
  return null
}

const ids = (value: unknown, at: string): string | null => {
  if (value === true) return null
  if (!isObject(value)) return `expected true or a dictionary of ids @ ${at}`
  for (const [i, allowed] of Object.values(value).entries()) {
    // The id is the peer's own text and is not repeated: its place says which it is.
    const wrong = actions(allowed, `${at}[${i}]`)
    if (wrong !== null) return wrong
  }
  return null
}

const entities = (value: unknown, at: string): string | null => {
  if (value === true) return null
  if (!isObject(value)) return `expected true or a dictionary @ ${at}`
  for (const [name, part] of Object.entries(value)) {
    if (name !== 'all' && !idMaps.has(name)) return `extra keys not allowed @ ${at}`
    const wrong = (name === 'all' ? actions : ids)(part, `${at}['${name}']`)
    if (wrong !== null) return wrong
  }
  return null
}

/** What is wrong with a policy, and where, in the words of other answers; null if nothing is. */
export const describePolicy = (value: unknown, { categories }: Pick<PolicyOptions, 'categories'>): string | null => {
  const root = "data['policy']"
  if (!isObject(value)) return `expected a dictionary for dictionary value @ ${root}`
  // Before anything that recurses.
  if (tooDeep(value)) return `nested more than ${MAX_POLICY_DEPTH} deep @ ${root}`
  if (Buffer.byteLength(JSON.stringify(value)) > MAX_POLICY_BYTES) return `value is too large @ ${root}`
  for (const [category, part] of Object.entries(value)) {
    if (category !== ENTITIES && !categories.includes(category)) return `extra keys not allowed @ ${root}`
    const wrong = (category === ENTITIES ? entities : ids)(part, `${root}['${category}']`)
    if (wrong !== null) return wrong
  }
  return null
}

// Merging

/** `true` wins over objects, objects merge, and anything else has no opinion (Home Assistant's rule, but nothing raises). */
const mergeNodes = (values: readonly unknown[], depth: number): unknown => {
  if (values.includes(true)) return true
  const objects = values.filter(isObject)
  if (objects.length === 0 || depth > MAX_POLICY_DEPTH) return null
  const byKey = new Map<string, unknown[]>()
  for (const object of objects) {
    for (const [key, value] of Object.entries(object)) {
      const found = byKey.get(key)
      if (found === undefined) byKey.set(key, [value])
      else found.push(value)
    }
  }
  const merged: [string, unknown][] = []
  for (const [key, found] of byKey) {
    const one = mergeNodes(found, depth + 1)
    if (one !== null) merged.push([key, one])
  }
  // Makes own properties, whatever they are called.
  return Object.fromEntries(merged)
}

/** The union of policies: there is no way to deny. */
export const mergePolicies = (policies: readonly unknown[]): Policy => {
  const merged = mergeNodes(policies.filter(isObject), 0)
  return isObject(merged) ? merged : {}
}

// Compiling

const bitsOf = (value: unknown): number => {
  if (value === true) return EVERYTHING
  if (!isObject(value)) return 0
  return READ_CONTROL_EDIT.reduce((sum, key) => (value[key] === true ? sum | bits[key]! : sum), 0)
}

type Allowed = ReadonlyMap<string, number>

const idsOf = (value: unknown): Allowed =>
  new Map(
    isObject(value)
      ? Object.entries(value).flatMap(([id, one]): [string, number][] => (bitsOf(one) === 0 ? [] : [[id, bitsOf(one)]]))
      : [],
  )

/** One category: what holds for all of its objects, and what for some. */
type Compiled = { readonly all: number } & { readonly [M in IdMap]: Allowed }

const NONE: Allowed = new Map()
const NOTHING: Compiled = { all: 0, entity_ids: NONE, device_ids: NONE, area_ids: NONE, domains: NONE }

const compileCategory = (category: string, value: unknown): Compiled => {
  if (value === true) return { ...NOTHING, all: EVERYTHING }
  if (category !== ENTITIES) return { ...NOTHING, entity_ids: idsOf(value) }
  if (!isObject(value)) return NOTHING
  // One `true` here, whichever it is, allows everything (Home Assistant's rule).
  if (['all', ...ID_MAPS].some((name) => value[name] === true)) return { ...NOTHING, all: EVERYTHING }
  return {
    all: bitsOf(value['all']),
    entity_ids: idsOf(value['entity_ids']),
    device_ids: idsOf(value['device_ids']),
    area_ids: idsOf(value['area_ids']),
    domains: idsOf(value['domains']),
  }
}

const compileAll = (policy: Policy, categories: readonly string[]): ReadonlyMap<string, Compiled> =>
  new Map(
    [ENTITIES, ...categories]
      .filter((category) => Object.hasOwn(policy, category))
      .map((category) => [category, compileCategory(category, policy[category])]),
  )

const domainOf = (entityId: string): string => {
  const dot = entityId.indexOf('.')
  return dot === -1 ? entityId : entityId.slice(0, dot)
}

const without = (ids: Allowed, known: (id: string) => number): Allowed =>
  new Map([...ids].map(([id, wanted]): [string, number] => [id, wanted & ~known(id)]).filter(([, left]) => left !== 0))

/**
 * The rules of `inner` as far as no rule of `outer` allows the same to all that they are about, wherever entities and devices
 * may be.
 */
const beyond = (inner: Compiled, outer: Compiled): Compiled => {
  const both = inner.all | outer.all
  const byDomain = (entity: string): number =>
    (inner.domains.get(domainOf(entity)) ?? 0) | (outer.domains.get(domainOf(entity)) ?? 0)
  return {
    all: inner.all & ~outer.all,
    entity_ids: without(inner.entity_ids, (id) => both | (outer.entity_ids.get(id) ?? 0) | byDomain(id)),
    device_ids: without(inner.device_ids, (id) => both | (outer.device_ids.get(id) ?? 0)),
    area_ids: without(inner.area_ids, (id) => both | (outer.area_ids.get(id) ?? 0)),
    domains: without(inner.domains, (id) => both | (outer.domains.get(id) ?? 0)),
  }
}

const isNothing = (one: Compiled): boolean => one.all === 0 && ID_MAPS.every((name) => one[name].size === 0)

/** What the groups with these policies may do together. Parts that no valid policy has allow nothing. */
export const compilePolicies = (policies: readonly unknown[], options: PolicyOptions): Permissions => {
  const policy = mergePolicies(policies)
  const compiled = compileAll(policy, options.categories)
  const { locate } = options

  const byLocation = ({ device_ids, area_ids }: Compiled, object: string): number => {
    if (locate === undefined || (device_ids.size === 0 && area_ids.size === 0)) return 0
    const { device_id, area_id } = locate(object) ?? {}
    return (
      (device_id === undefined ? 0 : (device_ids.get(device_id) ?? 0)) |
      (area_id === undefined ? 0 : (area_ids.get(area_id) ?? 0))
    )
  }

  return {
    policy,
    check: (category, object, key) => {
      const one = compiled.get(category)
      if (one === undefined) return false
      const bit = bitOf(key)
      // Nothing denies, so the order does not matter: what is cheapest comes first.
      if ((one.all & bit) !== 0) return true
      if (((one.entity_ids.get(object) ?? 0) & bit) !== 0) return true
      if (category !== ENTITIES) return false
      if (one.domains.size > 0 && ((one.domains.get(domainOf(object)) ?? 0) & bit) !== 0) return true
      return (byLocation(one, object) & bit) !== 0
    },
    covers: (other) =>
      [...compileAll(mergePolicies([other]), options.categories)].every(([category, inner]) =>
        isNothing(beyond(inner, compiled.get(category) ?? NOTHING)),
      ),
  }
}

// Comparing

/** Null where none of the three keys is allowed: only `true` stands for the others. */
const actionsOf = (allowed: number): Policy | true | null => {
  if (allowed === EVERYTHING) return true
  const named = READ_CONTROL_EDIT.filter((key) => (allowed & bits[key]!) !== 0)
  return named.length === 0 ? null : Object.fromEntries(named.map((key) => [key, true]))
}

const toIdMap = (ids: Allowed): Policy =>
  Object.fromEntries(
    [...ids].flatMap(([id, allowed]) => {
      const one = actionsOf(allowed)
      return one === null ? [] : [[id, one]]
    }),
  )

const decompile = (category: string, one: Compiled): Policy | true => {
  if (one.all === EVERYTHING) return true
  if (category !== ENTITIES) return toIdMap(one.entity_ids)
  const parts = [
    ['all', actionsOf(one.all) ?? {}] as const,
    ...ID_MAPS.map((name) => [name, toIdMap(one[name])] as const),
  ]
  return Object.fromEntries(parts.filter(([, part]) => part === true || Object.keys(part).length > 0))
}

/**
 * The rules of a policy as far as another one does not allow the same: a policy that allows every `read`, `control` and `edit`
 * which `policy` allows and `other` does not, and nothing that `policy` does not allow. A rule is left out where `other` has
 * one that allows as much to all that it is about. There is no "all but": of a rule for many objects is also said what `other`
 * allows to some of them.
 */
export const policyBeyond = (
  policy: Policy,
  other: Policy,
  { categories }: Pick<PolicyOptions, 'categories'>,
): Policy => {
  const outer = compileAll(other, categories)
  const found = [...compileAll(policy, categories)]
    .map(([category, inner]) => [category, decompile(category, beyond(inner, outer.get(category) ?? NOTHING))] as const)
    .filter(([, part]) => part === true || Object.keys(part).length > 0)
  return Object.fromEntries(found)
}

/** Of the owner and of administrators. */
export const everything = ({ categories }: Pick<PolicyOptions, 'categories'>): Permissions => ({
  policy: Object.fromEntries([ENTITIES, ...categories].map((category) => [category, true])),
  check: () => true,
  covers: () => true,
})
