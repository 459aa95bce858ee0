/** Access tokens beside jose: what one makes the other takes, and what the other refuses is refused here. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import type { MacKey } from '../../src/auth/hmac.ts'
import { inTime, mint, readClaims, verifySignature } from '../../src/auth/jwt.ts'
import { newId } from '../../src/auth/secrets.ts'
import type { GrantId } from '../../src/store/model.ts'

const bytes = randomBytes(32)
const key = bytes.toString('latin1')
const now = Math.floor(Date.now() / 1000)
const claims = { iss: newId<GrantId>(), iat: now, exp: now + 1800 }

/** Our whole judgement of a token under a key. */
const accepts = (token: string, under: MacKey = key): boolean => {
  const read = readClaims(token)
  return read !== null && verifySignature(token, under) && inTime(read.iat, read.exp, Date.now())
}

const signed = (payload: Record<string, unknown>, header: Record<string, unknown> = {}, under: Uint8Array = bytes) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...header }).sign(under)

test('jose takes what we make, with exactly these claims', async () => {
  const { payload, protectedHeader } = await jwtVerify(mint(claims, key), bytes, { algorithms: ['HS256'] })
  expect(payload).toEqual(claims)
  expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT' })
})

test('we take what jose makes of the same header and claims', async () => {
  const token = await signed(claims)
  expect(token).toBe(mint(claims, key))
  expect(accepts(token)).toBe(true)
})

test.each([
  ['another algorithm', () => signed(claims, { alg: 'HS512' }, randomBytes(64))],
  ['another type', () => signed(claims, { typ: 'at+jwt' })],
  ['a key id', () => signed(claims, { kid: '1' })],
  ['a key of its own', () => signed(claims, { jwk: { kty: 'oct', k: bytes.toString('base64url') } })],
  ['an address of keys', () => signed(claims, { jku: 'https://evil.example/keys' })],
  ['no algorithm', async () => new UnsecuredJWT(claims).encode()],
  ['another key', () => signed(claims, {}, randomBytes(32))],
  ['an empty key', async () => mint(claims, '')],
  ['one claim more', () => signed({ ...claims, aud: 'x' })],
  ['no end', () => signed({ iss: claims.iss, iat: now })],
  ['no beginning', () => signed({ iss: claims.iss, exp: now + 60 })],
  ['no grant', () => signed({ iat: now, exp: now + 60 })],
  ['a list as its grant', () => signed({ ...claims, iss: [claims.iss] as unknown as string })],
  ['a text as its end', () => signed({ ...claims, exp: `${now + 60}` as unknown as number })],
  ['half a second', () => signed({ ...claims, exp: now + 60.5 })],
])('refused: a token with %s (B1, B3, B4, B9)', async (_, make) => {
  expect(accepts(await make())).toBe(false)
})

test('a token’s time, to the second: ten seconds of leeway at both ends (B7)', () => {
  const at = (iat: number, exp: number): boolean => inTime(iat, exp, 1_000_000_000_000)
  expect([at(1e9 + 10, 2e9), at(1e9 + 11, 2e9)]).toEqual([true, false])
  expect([at(0, 1e9 - 9), at(0, 1e9 - 10)]).toEqual([true, false])
})

test('every spelling of a signature but one is refused', () => {
  const token = mint(claims, key)
  const cut = token.lastIndexOf('.') + 1
  const signature = token.slice(cut)
  const others = [
    Buffer.from(signature, 'base64url').toString('base64'),
    `${signature}=`,
    `${signature} `,
    signature.toLowerCase(),
    // The last of 43 characters holds four bits: the two others say nothing.
    ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((last) => signature.slice(0, -1) + last)
      .filter((one) => one !== signature),
  ]
  for (const other of others) expect(accepts(token.slice(0, cut) + other), other).toBe(false)
})

test('no text makes it throw, and no changed token is taken (B1)', () => {
  const token = mint(claims, key)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.array(fc.string()).map((parts) => parts.join('.')),
      ),
      (text) => {
        expect(accepts(text)).toBe(false)
      },
    ),
  )
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
      fc.pre(letter !== token[at])
      expect(accepts(token.slice(0, at) + letter + token.slice(at + 1))).toBe(false)
    }),
  )
})
