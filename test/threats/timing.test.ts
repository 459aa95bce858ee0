/**
 * Whether a secret can be told by the time that a wrong one takes: wrong in its first byte against wrong in its last, in turns,
 * by Welch's t (the test of dudect, Reparaz et al. 2017). Here only that it measures; `npm run timing` takes samples
 * enough to judge, which a busy machine would not give to a test.
 */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { mint, verifySignature } from '../../src/auth/jwt.ts'
import { readRotatingToken, rotatingToken } from '../../src/auth/rotation.ts'
import { sameText } from '../../src/auth/secrets.ts'
import type { GrantId } from '../../src/store/model.ts'

const asked = process.env['LATCHKEY_TIMING_SAMPLES']
const SAMPLES = Number(asked ?? 2000)
/** For a leak as plain as day. */
const ENOUGH = 2000
const RUNS = 3
/** Beyond this two means are taken to differ. */
const DIFFERENT = 4.5

const KEY = randomBytes(32)
const ACCESS_KEY = KEY.toString('latin1')
const GRANT = 'ab'.repeat(16) as GrantId
const iat = 1_800_000_000

/** A text with another character at a place. */
const changed = (text: string, at: number): string => {
  const place = at < 0 ? text.length + at : at
  return text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1)
}

const token = mint({ iss: GRANT, iat, exp: iat + 1800 }, ACCESS_KEY)
const code = randomBytes(32).toString('hex')

/** What is compared, with a wrong secret that differs early and one that differs late. */
const cases = {
  'the signature of an access token': {
    judge: (text: string) => verifySignature(text, ACCESS_KEY),
    early: changed(token, token.lastIndexOf('.') + 1),
    late: changed(token, -2),
  },
  'a set-up code': { judge: (text: string) => sameText(text, code), early: changed(code, 0), late: changed(code, -1) },
} as const

/** Welch's t of two samples without their slowest tenth, which is the machine's. */
const welch = (a: readonly number[], b: readonly number[]): number => {
  const describe = (all: readonly number[]) => {
    const kept = [...all].sort((x, y) => x - y).slice(0, Math.floor(all.length * 0.9))
    const mean = kept.reduce((sum, x) => sum + x, 0) / kept.length
    return { mean, spread: kept.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (kept.length - 1) / kept.length }
  }
  const [one, other] = [describe(a), describe(b)]
  return (one.mean - other.mean) / Math.sqrt(one.spread + other.spread)
}

const measure = (judge: (text: string) => boolean, early: string, late: string, samples: number): number => {
  const times: [number[], number[]] = [[], []]
  const order = randomBytes(samples)
  for (const byte of order) {
    const which = (byte & 1) as 0 | 1
    const text = which === 0 ? early : late
    const begun = process.hrtime.bigint()
    for (let i = 0; i < 10; i++) judge(text)
    times[which].push(Number(process.hrtime.bigint() - begun))
  }
  return welch(...times)
}

test.each(Object.entries(cases))(
  '%s takes no longer to refuse the nearer a wrong one is (B17)',
  { timeout: 300_000 },
  (name, parts) => {
    const { judge, early, late } = parts
    expect([judge(early), judge(late)]).toEqual([false, false])
    measure(judge, early, late, SAMPLES)
    const found = Array.from({ length: RUNS }, () => measure(judge, early, late, SAMPLES))
    expect(found.every(Number.isFinite)).toBe(true)
    if (asked === undefined) return
    process.stdout.write(`${name}: t = ${found.map((t) => t.toFixed(2)).join(', ')}\n`)
    // Noise crosses the line now and then; a leak crosses it in every run.
    expect(found.filter((t) => Math.abs(t) > DIFFERENT).length).toBeLessThan(RUNS)
  },
)

test('the measurement finds a comparison that stops at the first difference (B17)', () => {
  const secret = rotatingToken(KEY, GRANT, 1).repeat(200)
  // A comparison as nobody should write it, over a text long enough for any machine.
  const leaky = (text: string): boolean => {
    for (let i = 0; i < secret.length; i++) if (text.charCodeAt(i) !== secret.charCodeAt(i)) return false
    return true
  }
  measure(leaky, changed(secret, 0), changed(secret, -1), ENOUGH)
  expect(Math.abs(measure(leaky, changed(secret, 0), changed(secret, -1), ENOUGH))).toBeGreaterThan(DIFFERENT)
  expect(readRotatingToken(KEY, secret)).toBe(null)
})
