/** The rules of rotation, each by itself; their edges are to the millisecond. */
import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judge, readRotatingToken, rotatingToken } from '../../src/auth/rotation.ts'
import { digest } from '../../src/auth/secrets.ts'
import type { Digest, GrantId, Rotation } from '../../src/store/model.ts'

const KEY = randomBytes(32)
const GRANT = 'ab'.repeat(16) as GrantId
const NOW = 1_800_000_000_000
const WINDOW = 10_000
const DAY = 86_400_000

const [mine, other] = [digest('mine'), digest('other')]
const state = (attempt: Digest | null, age: number): Rotation => ({ generation: 5, attempt, answeredAt: NOW - age })
const verdict = (rotation: Rotation, n: number, given: Digest | null) => judge(rotation, n, given, NOW, WINDOW).kind

describe('a token', () => {
  test('is read back with its grant and generation, and made again to the byte', () => {
    for (const generation of [0, 1, 9, 10, 123_456_789]) {
      const token = rotatingToken(KEY, GRANT, generation)
      expect(token).toBe(rotatingToken(KEY, GRANT, generation))
      expect(readRotatingToken(KEY, token)).toEqual({ grant: GRANT, generation })
    }
  })

  test('of another key, grant or generation, or changed in any character, is none', () => {
    const token = rotatingToken(KEY, GRANT, 7)
    expect(readRotatingToken(randomBytes(32), token)).toBe(null)
    const swapped = (from: string, to: string) => {
      const body = token.slice(0, -9).replace(from, to)
      return `${body}.${crc(body)}`
    }
    expect(readRotatingToken(KEY, swapped('.7.', '.8.'))).toBe(null)
    expect(readRotatingToken(KEY, swapped('.7.', '.07.'))).toBe(null)
    expect(readRotatingToken(KEY, swapped('abab', 'abac'))).toBe(null)
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(token[at] !== character)
        expect(readRotatingToken(KEY, token.slice(0, at) + character + token.slice(at + 1))).toBe(null)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readRotatingToken(KEY, text)).toBe(null)
      }),
    )
  })
})

/** What a checksum is worth against somebody who can compute it. */
const crc = (text: string): string => {
  let value = ~0
  for (const byte of Buffer.from(text)) {
    value ^= byte
    for (let i = 0; i < 8; i++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0)
  }
  return (~value >>> 0).toString(16).padStart(8, '0')
}

describe('of generation 5', () => {
  test('the newest makes a step, with an attempt or without; one from ahead as well (R50)', () => {
    for (const given of [mine, null]) {
      for (const n of [5, 6, 9]) {
        expect(judge(state(other, DAY), n, given, NOW, WINDOW)).toEqual({
          kind: 'advance',
          rotation: { generation: n + 1, attempt: given, answeredAt: NOW },
        })
      }
    }
  })

  test('the newest with the attempt that made it has its answer already', () => {
    expect(verdict(state(mine, DAY), 5, mine)).toBe('served')
    expect(verdict(state(null, DAY), 5, null)).toBe('advance')
  })

  test('the one before gets the same answer for the same attempt, for thirty days', () => {
    expect(verdict(state(mine, 0), 4, mine)).toBe('replay')
    expect(verdict(state(mine, 30 * DAY), 4, mine)).toBe('replay')
    expect(verdict(state(mine, 30 * DAY + 1), 4, mine)).toBe('reuse')
    // A clock that went back takes nothing from who has the attempt.
    expect(verdict(state(mine, -2 * 3_600_000), 4, mine)).toBe('replay')
  })

  test('the one before without an attempt gets it for ten seconds, if there was none', () => {
    expect(verdict(state(null, 10_000), 4, null)).toBe('replay')
    expect(verdict(state(null, 10_001), 4, null)).toBe('reuse')
    expect(verdict(state(null, -10_000), 4, null)).toBe('replay')
    expect(verdict(state(null, -10_001), 4, null)).toBe('reuse')
  })

  test('the one before with another attempt is a race for ten seconds, then a theft', () => {
    for (const [kept, given] of [
      [mine, other],
      [mine, null],
      [null, mine],
    ] as const) {
      expect(verdict(state(kept, 10_000), 4, given)).toBe('raced')
      expect(verdict(state(kept, 10_001), 4, given)).toBe('reuse')
    }
  })

  test('any older one is a theft, within the window too (B19)', () => {
    for (const n of [0, 1, 2, 3]) {
      for (const given of [mine, other, null]) expect(verdict(state(mine, 0), n, given)).toBe('reuse')
    }
  })
})

test('a stolen key of another purpose makes no token (B25)', () => {
  const body = `lk_rt_${GRANT}.0.${createHmac('sha256', randomBytes(32)).update('x').digest('base64url')}`
  expect(readRotatingToken(KEY, `${body}.${crc(body)}`)).toBe(null)
})
