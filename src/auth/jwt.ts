/**
 * Access tokens: HS256 JSON Web Tokens (RFC 7515, RFC 7519) with exactly the header and claims of Home Assistant's.
 * Written here and not with jose: this is the hot path, and a synchronous HMAC costs a tenth of a promise-based one.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { MAX_TOKEN_LENGTH } from '../protocol/frames.ts'
import type { GrantId } from '../store/model.ts'

/** Clocks of client and server may differ by this much (Home Assistant's leeway). */
export const LEEWAY_SECONDS = 10

const HEADER = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}.`

/** Characters of a signature, and so of a token's end: 32 bytes in base64url. */
export const SIGNATURE_LENGTH = 43

export interface Claims {
  readonly iss: GrantId
  /** Seconds since 1970. */
  readonly iat: number
  readonly exp: number
}

const sign = (signed: string, key: Uint8Array): string => createHmac('sha256', key).update(signed).digest('base64url')

export const mint = (claims: Claims, key: Uint8Array): string => {
  const signed = HEADER + Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `${signed}.${sign(signed, key)}`
}

const GRANT_ID = /^[0-9a-f]{32}$/

/**
 * The claims of a token that could be ours; nothing is verified yet. Null for any other header (so for any other
 * algorithm), more or other claims, and everything that is no token.
 */
export const readClaims = (token: string): Claims | null => {
  if (token.length > MAX_TOKEN_LENGTH || !token.startsWith(HEADER)) return null
  const end = token.length - SIGNATURE_LENGTH - 1
  if (end <= HEADER.length || token[end] !== '.') return null
  let claims: unknown
  try {
    claims = JSON.parse(Buffer.from(token.slice(HEADER.length, end), 'base64url').toString())
  } catch {
    return null
  }
  if (claims === null || typeof claims !== 'object' || Object.keys(claims).length !== 3) return null
  const { iss, iat, exp } = claims as Record<string, unknown>
  if (typeof iss !== 'string' || !GRANT_ID.test(iss)) return null
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return null
  return { iss: iss as GrantId, iat: iat as number, exp: exp as number }
}

/** True while `now` (milliseconds) lies in the token's time, with the leeway at both ends. */
export const inTime = (iat: number, exp: number, now: number): boolean =>
  now < (exp + LEEWAY_SECONDS) * 1000 && now >= (iat - LEEWAY_SECONDS) * 1000

/**
 * True if the signature is this key's. The text is compared and not the decoded bytes, as base64url can spell one
 * signature in several ways.
 */
export const verifySignature = (token: string, key: Uint8Array): boolean => {
  const end = token.length - SIGNATURE_LENGTH - 1
  const given = Buffer.from(token.slice(end + 1), 'latin1')
  const right = Buffer.from(sign(token.slice(0, end), key), 'latin1')
  return given.length === right.length && timingSafeEqual(given, right)
}
