/**
 * Access tokens: HS256 JSON Web Tokens (RFC 7515, RFC 7519) with exactly the header and claims of Home Assistant's.
 * Written here and not with jose: this is the hot path, and a synchronous HMAC costs a tenth of a promise-based one.
 */
import { timingSafeEqual } from 'node:crypto'
import { MAX_TOKEN_LENGTH } from '../protocol/frames.ts'
import type { GrantId } from '../store/model.ts'
import { hmacSha256, type MacKey } from './hmac.ts'

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

export const mint = (claims: Claims, key: MacKey): string => {
  const signed = HEADER + Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `${signed}.${hmacSha256(key, signed)}`
}

const GRANT_ID = /^[0-9a-f]{32}$/
/** The claims as `mint` writes them; anything else is read as JSON. */
const CLAIMS = /^\{"iss":"([0-9a-f]{32})","iat":(0|[1-9]\d{0,14}),"exp":(0|[1-9]\d{0,14})\}$/
const decoded = Buffer.alloc(128)

/**
 * The claims of a token that could be ours; nothing is verified yet. Null for any other header (so for any other
 * algorithm), more or other claims, and everything that is no token.
 */
export const readClaims = (token: string): Claims | null => {
  if (token.length > MAX_TOKEN_LENGTH || !token.startsWith(HEADER)) return null
  const end = token.length - SIGNATURE_LENGTH - 1
  if (end <= HEADER.length || token[end] !== '.') return null
  const payload = token.slice(HEADER.length, end)
  // More than fits is cut off, and then it is not of that form.
  const length = decoded.write(payload, 'base64url')
  const own = CLAIMS.exec(decoded.toString('latin1', 0, length))
  if (own !== null) return { iss: own[1] as GrantId, iat: Number(own[2]), exp: Number(own[3]) }
  return readJson(payload)
}

const readJson = (payload: string): Claims | null => {
  let claims: unknown
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
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

const given = Buffer.alloc(SIGNATURE_LENGTH)
const right = Buffer.alloc(SIGNATURE_LENGTH)

/**
 * True if the signature is this key's. The text is compared and not the decoded bytes, as base64url can spell one
 * signature in several ways.
 */
export const verifySignature = (token: string, key: MacKey): boolean => {
  const end = token.length - SIGNATURE_LENGTH - 1
  right.write(hmacSha256(key, token.slice(0, end)), 'latin1')
  // A character of several bytes makes it longer, or leaves the last of what was there before.
  return given.write(token.slice(end + 1)) === SIGNATURE_LENGTH && timingSafeEqual(given, right)
}
