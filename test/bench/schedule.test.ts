/** Open-loop load: what a server that stands still costs everybody who would have come meanwhile. */
import { expect, test } from 'vitest'
import { openLoop } from '../../bench/load/schedule.ts'
import { alternate, spreadOf, WARM_UP_ROUNDS } from '../../bench/measure.ts'

test('operations are timed from when they were to begin: a pause is seen by all that fell into it', async () => {
  const waiting: (() => void)[] = []
  let paused = true
  const load = {
    begin: (done: () => void) => {
      if (paused) waiting.push(done)
      else done()
      return true
    },
  }
  setTimeout(() => {
    paused = false
    for (const done of waiting.splice(0)) done()
  }, 300)
  const { latency, intended, ended, lost } = await openLoop(load, 1000, 600)
  expect([intended, ended, lost]).toEqual([600, 600, 0])
  // Half of them fell into it, and waited from 300 ms down to none.
  expect(latency.getValueAtPercentile(99)).toBeGreaterThan(250_000)
  expect(latency.getValueAtPercentile(30)).toBeLessThan(100_000)
})

test('what is refused or never ends is lost, and is told', async () => {
  let begun = 0
  const load = {
    begin: (done: () => void) => {
      begun++
      if (begun % 4 === 0) return false
      done()
      return true
    },
  }
  const { intended, ended, lost } = await openLoop(load, 1000, 100)
  expect([intended, ended, lost]).toEqual([100, 75, 25])
})

test('ratios are of each round, to the first contestant; the rounds that warm up do not count', async () => {
  const rates = [
    [100, 200, 50],
    [50, 150, 50],
  ]
  const contestant = (i: number) => {
    let round = -WARM_UP_ROUNDS
    const closed = async () => ({ count: rates[i]![round++] ?? 1, seconds: 1 })
    return { name: `c${i}`, pid: null, pool: { closed } }
  }
  const [baseline, other] = await alternate([contestant(0), contestant(1)], 3, 1, () => undefined)
  expect(baseline!.rateRatio).toEqual({ median: 1, low: 1, high: 1 })
  expect(other!.rateRatio).toEqual({ median: 0.75, low: 0.5, high: 1 })
  expect(other!.cpuRatio).toBe(null)
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 })
})
