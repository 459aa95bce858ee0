/** Policies by the letter of Home Assistant's rules: slow, in their order, and without anything prepared. */
import type { Location } from '../../src/auth/policy.ts'

type Node = true | null | { readonly [key: string]: Node }

const isMap = (node: unknown): node is { readonly [key: string]: Node } =>
  typeof node === 'object' && node !== null && !Array.isArray(node)

/** Two at a time. */
const merge = (a: Node, b: Node): Node => {
  if (a === true || b === true) return true
  if (!isMap(a)) return b
  if (!isMap(b)) return a
  const merged = new Map(Object.entries(a))
  for (const [key, node] of Object.entries(b)) merged.set(key, merge(merged.get(key) ?? null, node))
  return Object.fromEntries(merged)
}

const own = (node: { readonly [key: string]: Node }, key: string): Node =>
  Object.hasOwn(node, key) ? (node[key] as Node) : null

/** null: keep looking. */
const decide = (node: Node, key: string): boolean | null => {
  if (node === true) return true
  return isMap(node) && own(node, key) === true ? true : null
}

export const referenceCheck = (
  policies: readonly unknown[],
  categories: readonly string[],
  locate: (object: string) => Location | undefined,
  [category, object, key]: readonly [category: string, object: string, key: string],
): boolean => {
  const merged = (policies as readonly Node[]).reduce<Node>(merge, {})
  const node = isMap(merged) ? own(merged, category) : null
  if (category !== 'entities' && !categories.includes(category)) return false
  if (node === true) return true
  if (!isMap(node)) return false
  if (category !== 'entities') return decide(own(node, object), key) ?? false
  const parts = ['entity_ids', 'device_ids', 'area_ids', 'domains', 'all'] as const
  if (parts.some((part) => own(node, part) === true)) return true
  const { device_id = null, area_id = null } = locate(object) ?? {}
  const names = { entity_ids: object, device_ids: device_id, area_ids: area_id, domains: object.split('.')[0]! }
  for (const part of parts) {
    const found = own(node, part)
    if (part === 'all') return decide(found, key) ?? false
    const name = names[part]
    const decided = isMap(found) && name !== null ? decide(own(found, name), key) : null
    if (decided !== null) return decided
  }
  return false
}
