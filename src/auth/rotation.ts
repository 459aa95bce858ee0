/**
 * Rotating refresh tokens that honest clients survive: a retry is known by its attempt, whoever shows an older token without
 * it is a thief, or was robbed. A token is its grant's id, a generation and a MAC, so a successor is made again to the byte
 * and no token is kept.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Digest, GrantId, Rotation } from '../store/model.ts'

const FORM = /^lk_rt_([0-9a-f]{32})\.(0|[1-9]\d{0,14})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{8})$/

/** 16 random bytes at least, in base64url. */
export const ATTEMPT = /^[A-Za-z0-9_-]{22,128}$/

/** An attempt whose answer was lost may be repeated for so long. */
const REPLAY_MS = 30 * 86_400_000

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

const mac = (key: Uint8Array, grant: GrantId, generation: number): Buffer =>
  createHmac('sha256', key).update(`${grant}\0${generation}`).digest()

/** The refresh token of a generation. `key` is the deployment's, for refresh tokens alone. */
export const rotatingToken = (key: Uint8Array, grant: GrantId, generation: number): string => {
  const body = `lk_rt_${grant}.${generation}.${mac(key, grant, generation).toString('base64url')}`
  return `${body}.${checksum(body)}`
}

/** Whose token it is and of which generation; null for what was not made here. */
export const readRotatingToken = (
  key: Uint8Array,
  text: string,
): { readonly grant: GrantId; readonly generation: number } | null => {
  const [, id, number, signature, sum] = FORM.exec(text) ?? []
  // The checksum first: a mistyped token costs no MAC.
  if (id === undefined || checksum(text.slice(0, -9)) !== sum) return null
  const [grant, generation] = [id as GrantId, Number(number)]
  const right = mac(key, grant, generation).toString('base64url')
  // The text and not the bytes, as base64url can spell the same bytes in several ways.
  return timingSafeEqual(Buffer.from(signature!), Buffer.from(right)) ? { grant, generation } : null
}

/** What a presented token means. `reuse` ends the family; `served`: this attempt has its answer; `raced`: another was first. */
export type Judgement =
  | { readonly kind: 'advance'; readonly rotation: Rotation }
  | { readonly kind: 'replay' }
  | { readonly kind: 'raced' }
  | { readonly kind: 'served' }
  | { readonly kind: 'reuse' }

const same = (a: Digest | null, b: Digest | null): boolean =>
  a !== null && b !== null && a.length === b.length && timingSafeEqual(a, b)

/**
 * Judges generation `n`, shown with an attempt (its SHA-256) or without, against what is kept of the grant. To be called
 * under the lock of the grant's row.
 */
export const judge = (
  { generation, attempt, answeredAt }: Rotation,
  n: number,
  given: Digest | null,
  now: number,
  windowMs: number,
): Judgement => {
  const age = now - answeredAt
  const inWindow = Math.abs(age) <= windowMs
  if (n < generation - 1) return { kind: 'reuse' }
  if (n === generation - 1) {
    if (same(given, attempt)) return age <= REPLAY_MS ? { kind: 'replay' } : { kind: 'reuse' }
    if (given === null && attempt === null && inWindow) return { kind: 'replay' }
    return { kind: inWindow ? 'raced' : 'reuse' }
  }
  if (same(given, attempt)) return { kind: 'served' }
  return { kind: 'advance', rotation: { generation: n + 1, attempt: given, answeredAt: now } }
}
