/**
 * The micro bench runs: every case does what it says, and its numbers are numbers. How fast it is, is not asked here, but for
 * policies: they are asked before every event.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCases } from '../../bench/micro/cases.ts'
import { type Bench, openBench } from '../../bench/micro/gateway.ts'
import { measure } from '../../bench/micro/measure.ts'
import { grantMemory, leftBySocket } from '../../bench/micro/memory.ts'
import { slowestChecks } from '../../bench/micro/policies.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

test('each case is measured against its baseline', async () => {
  for (const one of await createCases(bench)) {
    const result = await measure(one, 3, 2)
    expect(result).toMatchObject({ name: one.name, against: one.against })
    expect(result.ns).toBeGreaterThan(0)
    expect(result.baselineNs).toBeGreaterThan(0)
    expect(result.ratios).toHaveLength(3)
    expect(result.ratios.every((ratio) => Number.isFinite(ratio) && ratio > 0)).toBe(true)
  }
})

test('the memory of a grant is measured in bytes, and that of a token', async () => {
  const { grant, token } = await grantMemory(bench, 3000)
  // Ids, a key and a token are as long as they are; a copy of each too many would be seen.
  expect([grant > 200, token > 200]).toEqual([true, true])
  expect([grant < 750, token < 500]).toEqual([true, true])
})

test('a socket that has gone leaves next to nothing in the old space, whatever the collector does', async () => {
  // A connection alone has more than that.
  expect(await leftBySocket(bench, 40_000)).toBeLessThan(300)
})

test('of answers in policies of 64 KiB, 99 of 100 take less than 50 µs (F8)', () => {
  const { p50, p99 } = slowestChecks()
  expect(p50).toBeGreaterThan(0)
  expect(p99).toBeLessThan(50)
})
