/**
 * Rotating refresh tokens on bad networks: the product's own rule beside weaker ones, over the same days and thieves. In the suite
 * with few seeds; `npm run simulate:refresh` with a thousand.
 */
import { describe, expect, test } from 'vitest'
import { BLIND_THIEVES, type Device, KEEPING, run, THIEVES, type Thief } from './refresh-device.ts'
import { DAY, newFamily, present, type RuleName, rules, type Verdict } from './refresh-rules.ts'

const SEEDS = Number(process.env['LATCHKEY_SIMULATION_SEEDS'] ?? 60)
const LIMIT_MS = 600_000
const LOSSES = [0.02, 0.2]

/** The part of honest devices that were logged out. */
const loggedOut = (rule: RuleName, device: Partial<Device>): number => {
  let out = 0
  for (let seed = 1; seed <= SEEDS; seed++) if (run(seed, rules[rule], { ...KEEPING, ...device }).deadAt !== null) out++
  return out / SEEDS
}

/** How many thieves got anything, and which part of those was never found out. */
const thefts = (rule: RuleName, thief: Thief, device: Partial<Device> = {}) => {
  let gained = 0
  let undetected = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { life } = run(seed, rules[rule], { ...KEEPING, until: 2 * DAY, ...device, thief })
    if (life === null) continue
    gained++
    if (life === Number.POSITIVE_INFINITY) undetected++
  }
  return { gained, undetected: gained === 0 ? 0 : undetected / gained }
}

describe('the rule of the product', () => {
  test.each(LOSSES)(
    'logs no device out that keeps its part, with a lock or with two tabs, at a loss of %d (B27)',
    (loss) => {
      expect(loggedOut('design', { loss })).toBe(0)
      expect(loggedOut('design', { loss, double: 0.1 })).toBe(0)
    },
    LIMIT_MS,
  )

  test.each(BLIND_THIEVES)(
    'finds every thief out who has the token alone: %s (B27)',
    (thief) => {
      for (const loss of LOSSES) expect(thefts('design', thief, { loss }).undetected).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    'gives a follower nothing, and finds out who steps with token and attempt',
    () => {
      for (const loss of LOSSES) {
        expect(thefts('design', 'follower', { loss }).gained).toBe(0)
        const both = thefts('design', 'token+attempt, steps', { loss })
        expect([both.gained > 0, both.undetected]).toEqual([true, 0])
      }
    },
    LIMIT_MS,
  )

  test(
    'finds a thief out in minutes where the owner hears of steps',
    () => {
      const life = (socket: boolean): number => {
        const lives = Array.from({ length: SEEDS }, (_, i) => {
          return run(i + 1, rules.design, { ...KEEPING, until: 2 * DAY, thief: 'steps first', socket }).life ?? 0
        })
        return lives.sort((a, b) => a - b)[Math.floor(SEEDS / 2)]!
      }
      expect(life(true)).toBeLessThan(60)
      expect(life(false)).toBeGreaterThan(300)
    },
    LIMIT_MS,
  )

  test.each([
    ['the second tab retries from memory', { double: 0.1, stale: true }],
    ['the tabs race, and none reads back', { double: 0.1, race: true }],
    ['the attempt is not stored', { client: 'memory' }],
    ['no attempt is sent', { client: 'no attempt' }],
  ] as const)(
    'asks its part of clients: some are logged out where %s',
    (_, device) => {
      expect(loggedOut('design', { loss: 0.2, ...device })).toBeGreaterThan(0)
    },
    LIMIT_MS,
  )
})

describe('a weaker rule is seen to be weaker', () => {
  test.each(['strict', 'window30'] as const)(
    '%s logs honest devices out',
    (rule) => {
      expect(loggedOut(rule, {})).toBeGreaterThan(0.05)
    },
    LIMIT_MS,
  )

  test.each([
    ['parent', 'steps first'],
    ['confirmed', 'steps first'],
    ['attempt-open', 'steps first, repeats'],
  ] as const)(
    '%s never finds out a thief who %s',
    (rule, thief) => {
      expect(thefts(rule, thief).undetected).toBeGreaterThan(0.5)
    },
    LIMIT_MS,
  )

  test.each(['window30', 'parent', 'confirmed', 'attempt-open'] as const)(
    '%s lets a follower live',
    (rule) => {
      expect(thefts(rule, 'follower').undetected).toBeGreaterThan(0.5)
    },
    LIMIT_MS,
  )
})

/** A presentation: generation, attempt, second. */
type Shown = readonly [number, number | null, number]
const [A, B, C, T] = [1, 2, 3, 4]
const MONTH = 30 * DAY
const many = (attempt: (i: number) => number | null): readonly Shown[] =>
  Array.from({ length: 200 }, (_, i) => [0, attempt(i), i / 100] as const)
const rest = (verdict: Verdict): readonly Verdict[] => ['step', ...Array.from({ length: 199 }, () => verdict)]

describe('schedules without chance', () => {
  test.each<[string, readonly Verdict[], readonly Shown[]]>([
    [
      'an answer lost, before and after thirty days',
      ['step', 'same', 'reuse'],
      [
        [0, A, 0],
        [0, A, MONTH - 1],
        [0, A, MONTH + 1],
      ],
    ],
    [
      'a thief steps three seconds before the owner',
      ['step', 'wait', 'reuse'],
      [
        [0, T, 0],
        [0, A, 3],
        [0, A, 64],
      ],
    ],
    [
      'a thief steps without an attempt',
      ['step', 'wait', 'reuse'],
      [
        [0, null, 0],
        [0, A, 3],
        [0, A, 64],
      ],
    ],
    [
      'a thief repeats its step every nine seconds',
      ['step', 'same', 'same', 'same', 'reuse'],
      [
        [0, T, 0],
        [0, T, 9],
        [0, T, 18],
        [0, T, 27],
        [0, A, 30],
      ],
    ],
    [
      'a thief follows, with an attempt and without',
      ['step', 'wait', 'wait'],
      [
        [0, A, 0],
        [0, T, 2],
        [0, null, 3],
      ],
    ],
    [
      'the attempt is stolen too, and the thief steps on',
      ['step', 'same', 'step', 'reuse'],
      [
        [0, A, 0],
        [0, A, 1],
        [1, T, 60],
        [1, B, 1600],
      ],
    ],
    [
      'two devices from one backup',
      ['step', 'step', 'reuse'],
      [
        [0, A, 0],
        [1, B, 1600],
        [0, C, 1700],
      ],
    ],
    [
      'a duplicate that arrives after the next refresh',
      ['step', 'step', 'reuse'],
      [
        [0, A, 0],
        [1, B, 1600],
        [0, A, 1601],
      ],
    ],
    [
      'one attempt for every refresh',
      ['step', 'bad'],
      [
        [0, A, 0],
        [1, A, 1600],
      ],
    ],
    [
      'a generation from ahead: the store lost a step',
      ['step', 'reuse'],
      [
        [5, A, 0],
        [1, T, 60],
      ],
    ],
    [
      'the clock goes back two hours',
      ['step', 'same', 'reuse'],
      [
        [0, A, 7200],
        [0, A, 0],
        [0, B, 1],
      ],
    ],
    [
      'a client without attempts, after nine and eleven seconds',
      ['step', 'same', 'reuse'],
      [
        [0, null, 0],
        [0, null, 9],
        [0, null, 11],
      ],
    ],
    [
      'R1, R2, R3, and R1 again within ten seconds',
      ['step', 'step', 'step', 'reuse'],
      [
        [0, A, 0],
        [1, B, 1],
        [2, C, 2],
        [0, T, 3],
      ],
    ],
    ['two hundred at once with one attempt (C19)', rest('same'), many(() => A)],
    ['two hundred at once without one (C19)', rest('same'), many(() => null)],
    ['two hundred at once with as many attempts (C19)', rest('wait'), many((i) => i)],
  ])('%s', (_, wanted, shown) => {
    const family = newFamily()
    expect(shown.map(([n, attempt, now]) => present(family, rules.design, n, attempt, now).verdict)).toEqual(wanted)
  })

  test(
    'every kind of thief was tried',
    () => {
      expect(THIEVES.every((thief) => thefts('parent', thief).gained > 0)).toBe(true)
    },
    LIMIT_MS,
  )
})
