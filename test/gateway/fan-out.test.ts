/** Events to many: in order, to those who listened by then, and a few at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Bus } from '../../src/gateway/bus.ts'
import { FanOut, type Hearer } from '../../src/gateway/fan-out.ts'
import { OwnSubscription, Topics } from '../../src/gateway/own-subscription.ts'
import { ChangeFeed } from '../../src/store/changes.ts'

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

test('what nobody listens to any more is kept nowhere', () => {
  const fanOut = new FanOut()
  const bus = new Bus(new ChangeFeed({ seq: 0, mark: '' } as never), fanOut)
  const hear = () => undefined
  const stops = [bus.listen('note', hear), bus.listen('note', hear), bus.listen(null, hear)]
  bus.publish('note', '{}', 0, undefined)
  expect(fanOut.sent).toBe(1)
  for (const stop of stops) stop()
  bus.publish('note', '{}', 0, undefined)
  expect(fanOut.sent).toBe(1)

  const topics = new Topics()
  const ends: (() => void)[] = []
  const caller = { lastId: 1, user: null, subscribe: (_: unknown, end: () => void) => ends.push(end) }
  const begin = (topic?: string) => {
    const parts = { type: 'chat/listen', caller, rule: 'anyone', topics, fanOut, log: null }
    const own = new OwnSubscription(parts as never)
    own.begin({ topic })
    return own
  }
  const [first, second] = [begin('a'), begin()]
  expect([...topics.crowd('chat/listen', 'a')!]).toEqual([first])
  expect([...topics.crowd('chat/listen', undefined)!]).toEqual([first, second])
  ends[0]!()
  expect(topics.crowd('chat/listen', 'a')).toBeUndefined()
  expect([...topics.crowd('chat/listen', undefined)!]).toEqual([second])
  ends[1]!()
  expect(topics.crowd('chat/listen', undefined)).toBeUndefined()
})
