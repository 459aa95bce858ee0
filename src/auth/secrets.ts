/** Secrets: how they are made, what is kept of them, and the keys that come from the pepper. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Digest, GrantId } from '../store/model.ts'
import type { MacKey } from './hmac.ts'

/** A random id of 32 lowercase hex digits, as a brand of the caller's choice. */
export const newId = <B extends string>(): B => randomBytes(16).toString('hex') as B

/** SHA-256. Secrets here have 256 random bits, so a plain hash is enough (ASVS 6.5.2). */
export const digest = (...parts: readonly (string | Uint8Array)[]): Digest => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Compares in constant time; texts of different lengths are different. */
export const sameText = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const REFRESH_PREFIX = 'lk_rt_'
const REFRESH_FORM = /^lk_rt_[A-Za-z0-9_-]{43}_[0-9a-f]{8}$/

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

/**
 * A refresh token: prefix, 32 random bytes in base64url, CRC-32 in hex. The prefix lets a scanner find one that leaked,
 * the checksum lets a mistyped one be refused without asking the store.
 */
export const newRefreshSecret = (): string => {
  const body = `${REFRESH_PREFIX}${randomBytes(32).toString('base64url')}`
  return `${body}_${checksum(body)}`
}

/** True if a text can be a refresh token of ours at all. */
export const isRefreshSecret = (text: string): boolean =>
  REFRESH_FORM.test(text) && checksum(text.slice(0, -9)) === text.slice(-8)

/** An authorization code: 64 hex digits. */
export const newCode = (): string => randomBytes(32).toString('hex')

/** What is kept of a code: bound to the client, so that another client's attempt finds nothing. */
export const codeDigest = (clientId: string, code: string): Digest => digest(clientId, '\0', code)

/** Crockford's base32 without look-alikes: 20 characters are 100 bits. */
const SETUP_ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A code that a person may have to type: 100 bits in groups of five, as `K3V9M-…`. */
export const newSetupCode = (): string => {
  const characters = [...randomBytes(20)].map((byte) => SETUP_ALPHABET[byte % 32])
  return [0, 5, 10, 15].map((i) => characters.slice(i, i + 5).join('')).join('-')
}

/** All keys of a deployment, derived from its pepper with a label each, so that none can stand in for another. */
export interface Keys {
  /** What a database keeps to know its pepper again. */
  pepperCheck(logId: string): Uint8Array
  /** The HMAC key of one grant's access tokens; it is stored nowhere. */
  accessKey(grant: GrantId, salt: Uint8Array): MacKey
  /** The HMAC key of rotating refresh tokens. */
  readonly refreshKey: Uint8Array
  /** The HMAC key of the paths that a grant signs, by the key of its access tokens. */
  pathKey(grant: GrantId, accessKey: MacKey): Uint8Array
}

export const deriveKeys = (pepper: Uint8Array): Keys => {
  const derive = (label: string): Uint8Array => createHmac('sha256', pepper).update(label).digest()
  const check = derive('latchkey pepper check')
  const access = derive('latchkey access tokens')
  const path = derive('latchkey signed paths')
  return {
    refreshKey: derive('latchkey refresh tokens'),
    pepperCheck: (logId) => createHmac('sha256', check).update(logId).digest(),
    accessKey: (grant, salt) => createHmac('sha256', access).update(`access\0${grant}\0`).update(salt).digest('binary'),
    pathKey: (grant, key) => createHmac('sha256', path).update(`path\0${grant}\0`).update(key, 'latin1').digest(),
  }
}
