/** The count of failed logins, for more addresses than one machine has. */
import { expect, test } from 'vitest'
import { createBans } from '../../src/auth/bans.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { heldBytes } from '../heap.ts'

// Time stands: how fast the machine is must not matter.
const clock: Clock = { ...systemClock, now: () => 1_800_000_000_000, monotonic: () => 1 }

test('D11: a flood of addresses costs bounded memory, and pushes no ban out', () => {
  const options = { failures: 2, withinMs: 600_000, forMs: 3_600_000, isProxy: () => false, onBan: () => undefined }
  const bans = createBans(clock, options, [])
  for (let i = 0; i < 2; i++) bans.failed('203.0.113.7', { account: 'ann' })
  expect(bans.remaining('203.0.113.7')).toBe(3_600_000)
  const flood = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      bans.failed(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, { account: 'ann', secret: `${i}` })
    }
  }
  flood(0, 120_000)
  const before = heldBytes()
  flood(120_000, 300_000)
  // As many as are kept came before: each new one takes the place of an old one. Kept all, these would be some 60 MB.
  expect(heldBytes() - before).toBeLessThan(16 * 1024 * 1024)
  expect(bans.remaining('203.0.113.7')).toBe(3_600_000)
  expect(bans.list().map(({ network }) => network)).toEqual(['203.0.113.7'])
})
