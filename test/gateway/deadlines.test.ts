/** The wheel of deadlines. */
import { expect, test } from 'vitest'
import { Deadlines } from '../../src/gateway/deadlines.ts'
import { MovableClock } from '../rig.ts'

test('each deadline is met once, at its time or a slot later, and none that was cancelled, also by another that is due with it', () => {
  const clock = new MovableClock()
  const deadlines = new Deadlines(clock)
  const met: string[] = []
  const meet = (name: string, ms: number, also: () => void = () => undefined) =>
    deadlines.add(ms, () => {
      met.push(name)
      also()
    })
  const first = meet('first', 1000, () => second.cancel())
  const second = meet('second', 1000)
  meet('third', 5000)
  meet('years', 10 * 365 * 86_400_000)
  const never = meet('never', 2000)
  never.cancel()
  never.cancel()
  clock.move(999)
  expect(met).toEqual([])
  clock.move(501)
  expect(met).toEqual(['first'])
  first.cancel()
  for (let i = 0; i < 20; i++) clock.move(250)
  expect(met).toEqual(['first', 'third'])
})

test.each([250, 250_000])('what is set by a deadline that was set %i ms before is met in its turn, once', (ms) => {
  const clock = new MovableClock()
  const deadlines = new Deadlines(clock)
  const met: string[] = []
  deadlines.add(ms, () => deadlines.add(0, () => met.push('at once')))
  deadlines.add(ms, () => deadlines.add(500, () => met.push('later')))
  clock.move(ms)
  for (let i = 0; i < 8; i++) clock.move(250)
  expect(met).toEqual(['at once', 'later'])
})
