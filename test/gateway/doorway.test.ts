/** Sockets that are not authenticated yet, counted by address. */
import { expect, test } from 'vitest'
import { Doorway } from '../../src/gateway/doorway.ts'
import { heldBytes } from '../heap.ts'

const open = (): Doorway =>
  new Doorway({ total: 100, perAddress: 2, sockets: 1000, isTight: () => false }, () => undefined)

test('an address is counted however often it came and went, and however many others did', () => {
  const doorway = open()
  const addresses = Array.from({ length: 3000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)
  doorway.enter('192.0.2.1')
  for (const address of [...addresses, ...addresses]) doorway.leave(doorway.enter(address))
  expect(doorway.waiting).toBe(1)
  expect(doorway.refuse('192.0.2.1', 0)).toBe(null)
  const second = doorway.enter('192.0.2.1')
  expect(doorway.refuse('192.0.2.1', 0)).toMatchObject({ status: 429 })
  expect(doorway.refuse(addresses[0]!, 0)).toBe(null)
  doorway.leave(second)
  expect(doorway.refuse('192.0.2.1', 0)).toBe(null)
})

test('addresses that have nobody waiting are forgotten', () => {
  const doorway = open()
  const before = heldBytes()
  for (let i = 0; i < 50_000; i++) doorway.leave(doorway.enter(`2001:db8:${i >> 16}:${(i & 0xffff).toString(16)}::1`))
  // Kept, each would take some hundred bytes.
  expect(heldBytes() - before).toBeLessThan(1_000_000)
  expect(doorway.waiting).toBe(0)
})
