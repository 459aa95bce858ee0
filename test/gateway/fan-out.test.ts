/** Events to many: in order, to those who listened by then, and a few at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FanOut, type Hearer } from '../../src/gateway/fan-out.ts'

const crowdOf = (fanOut: FanOut, count: number, hear: (hearer: number, text: string) => void): Set<Hearer> =>
  new Set(Array.from({ length: count }, (_, n) => ({ since: fanOut.sent, hear: (text: string) => hear(n, text) })))

test('10,000 who listen do not stall the others: each turn brings a part, and each hears all in order', async () => {
  const fanOut = new FanOut()
  const heard = Array.from({ length: 10_000 }, () => '')
  let deliveries = 0
  const crowd = crowdOf(fanOut, heard.length, (n, text) => {
    heard[n] += text
    deliveries++
  })
  for (const text of ['a', 'b', 'c']) fanOut.send([crowd], text)
  expect(deliveries).toBe(0)
  let turns = 0
  let most = 0
  while (deliveries < 30_000) {
    const before = deliveries
    await nextTurn()
    most = Math.max(most, deliveries - before)
    turns++
  }
  // Two turns may fall between two looks.
  expect(most).toBeLessThanOrEqual(1000)
  expect(turns).toBeGreaterThanOrEqual(30)
  expect(new Set(heard)).toEqual(new Set(['abc']))
})

test('more events than can be delivered keep the turn until no more than a thousand wait', async () => {
  const fanOut = new FanOut()
  let deliveries = 0
  const crowd = crowdOf(fanOut, 100, () => deliveries++)
  for (let i = 0; i < 3000; i++) fanOut.send([crowd], 'x')
  await Promise.resolve()
  expect(deliveries).toBeGreaterThanOrEqual(2000 * 100)
  expect(deliveries).toBeLessThan(2001 * 100)
  await expect.poll(() => deliveries).toBe(3000 * 100)
})

test('who begins to listen hears what is sent from then on, and who ends hears no more', async () => {
  const fanOut = new FanOut()
  const heard: string[] = []
  const listen = (name: string): Hearer => ({ since: fanOut.sent, hear: (text) => heard.push(`${name} ${text}`) })
  const first = listen('first')
  const crowd = new Set([first])
  fanOut.send([crowd], '1')
  const second = listen('second')
  crowd.add(second)
  fanOut.send([crowd], '2')
  crowd.delete(first)
  await nextTurn()
  expect(heard).toEqual(['second 2'])
})

test('one who fails to hear does not keep it from the others', async () => {
  const fanOut = new FanOut()
  const heard: string[] = []
  const faults: unknown[] = []
  const note = (error: unknown): void => void faults.push(error)
  process.on('uncaughtException', note)
  // The runner’s own listeners are not to hear of it.
  const others = process.listeners('uncaughtException').filter((listener) => listener !== note)
  for (const listener of others) process.off('uncaughtException', listener)
  try {
    const fails: Hearer = {
      since: 0,
      hear: () => {
        throw new Error('a hearer that fails')
      },
    }
    fanOut.send([[fails, { since: 0, hear: (text) => heard.push(text) }]], 'x')
    await nextTurn()
    await nextTurn()
    fanOut.send([[{ since: 0, hear: (text) => heard.push(text) }]], 'y')
    await nextTurn()
  } finally {
    for (const listener of others) process.on('uncaughtException', listener)
    process.off('uncaughtException', note)
  }
  expect(heard).toEqual(['x', 'y'])
  expect(faults).toHaveLength(1)
})
