/** The HMAC of two one-shot hashes beside the library's own. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmacSha256 } from '../../src/auth/hmac.ts'
import { mint, readClaims, verifySignature } from '../../src/auth/jwt.ts'
import { newId } from '../../src/auth/secrets.ts'
import type { GrantId } from '../../src/store/model.ts'

test('is what the library makes of any text and any key, one after the other', () => {
  const key = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 100 }))
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.nat(3000).map((n) => 'é'.repeat(n)),
  )
  fc.assert(
    fc.property(key, text, (key, text) => {
      expect(hmacSha256(Buffer.from(key).toString('latin1'), text)).toBe(
        createHmac('sha256', key).update(text).digest('base64url'),
      )
    }),
    { numRuns: 2000 },
  )
})

test('a token in which a character is another of the same low byte is not good (B1)', () => {
  const key = '\x07'.repeat(32)
  const token = mint({ iss: newId<GrantId>(), iat: 1_800_000_000, exp: 1_800_001_800 }, key)
  const isGood = (token: string): boolean => readClaims(token) !== null && verifySignature(token, key)
  expect(isGood(token)).toBe(true)
  for (let i = 0; i < token.length; i++) {
    for (const high of [0x100, 0x4e00, 0xff00]) {
      const twin = token.slice(0, i) + String.fromCharCode(high | token.charCodeAt(i)) + token.slice(i + 1)
      expect(isGood(twin), `at ${i}`).toBe(false)
    }
  }
})
