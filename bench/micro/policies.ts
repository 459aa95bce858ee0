/** What a policy costs to ask: a large one, compiled, beside one look-up in a map. And its slowest answers, one by one. */
import { compilePolicies, MAX_POLICY_BYTES } from '../../src/auth/policy.ts'
import type { Case } from './measure.ts'

const ASKED = 100_000

/** As many entities as a policy of the largest size can name, and some devices and domains. */
const createPolicy = () => {
  const entity_ids: Record<string, { read: true }> = {}
  let bytes = 1000
  for (let i = 0; bytes < MAX_POLICY_BYTES; i++) {
    const id = `sensor.room_${i}_temperature`
    entity_ids[id] = { read: true }
    bytes += id.length + '"":{"read":true},'.length
  }
  return {
    policy: {
      entities: { entity_ids, device_ids: { hub: { control: true } }, domains: { light: true, switch: true } },
    },
    ids: Object.keys(entity_ids),
  }
}

const questions = (ids: readonly string[]): readonly (readonly [object: string, key: string])[] =>
  ids.flatMap(
    (id) =>
      [
        [id, 'read'],
        [id, 'edit'],
        [`light.${id}`, 'control'],
        [`lock.${id}`, 'read'],
      ] as const,
  )

/** Microseconds of answers that are timed one by one, of the slowest hundredth among them. */
export const slowestChecks = (): { readonly p50: number; readonly p99: number; readonly max: number } => {
  const { policy, ids } = createPolicy()
  const { check } = compilePolicies([policy, policy], { categories: [], locate: () => ({ device_id: 'hub' }) })
  const all = questions(ids)
  const times = new Float64Array(ASKED)
  // Once round without being timed, as a server that has run for a second.
  for (let i = -ASKED; i < ASKED; i++) {
    const [object, key] = all[(i + ASKED) % all.length]!
    const begin = performance.now()
    check('entities', object, key)
    if (i >= 0) times[i] = performance.now() - begin
  }
  times.sort()
  const micros = (share: number): number => times[Math.min(ASKED - 1, Math.floor(ASKED * share))]! * 1000
  return { p50: micros(0.5), p99: micros(0.99), max: micros(1) }
}

export const policyCases = (): readonly Case[] => {
  const { policy, ids } = createPolicy()
  const { check } = compilePolicies([policy], { categories: [], locate: () => ({ device_id: 'hub' }) })
  const all = questions(ids)
  const found = new Set(ids)
  let allowed = 0
  return [
    {
      name: 'policy: check in one of 64 KiB',
      run: (times) => {
        for (let i = 0; i < times; i++) {
          const [object, key] = all[i % all.length]!
          if (check('entities', object, key)) allowed++
        }
        if (allowed === 0) throw new Error('nothing was allowed')
      },
      against: 'one look-up of that id in a set',
      baseline: (times) => {
        for (let i = 0; i < times; i++) if (found.has(all[i % all.length]![0])) allowed++
        if (allowed === 0) throw new Error('nothing was found')
      },
    },
  ]
}
