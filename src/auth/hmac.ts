/**
 * HMAC-SHA-256 (RFC 2104) of short texts from two one-shot hashes. `createHmac` makes an object for each, which costs as much
 * as the hashing itself; a token that was not seen before costs little else.
 */
import { createHmac, hash } from 'node:crypto'

/**
 * A key, a character for each byte: every grant in memory has one, and a text of 32 characters takes fifty bytes where a Buffer takes
 * some hundreds.
 */
export type MacKey = string

const BLOCK = 64
const KEY = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

/** Nothing is awaited between filling and hashing, so one of each is enough. Behind the key the pads never change. */
const inner = Buffer.alloc(BLOCK + 4096, INNER_PAD)
const outer = Buffer.alloc(BLOCK + 32, OUTER_PAD)
/** Tokens are of one length as a rule, and a view costs something to make. */
let view = inner.subarray(0, BLOCK)

/** The HMAC of a text's UTF-8, in base64url. */
export const hmacSha256 = (key: MacKey, text: string): string => {
  // A character is three bytes at the most.
  if (key.length !== KEY || 3 * text.length > inner.length - BLOCK) {
    return createHmac('sha256', Buffer.from(key, 'latin1')).update(text).digest('base64url')
  }
  for (let i = 0; i < KEY; i++) {
    const byte = key.charCodeAt(i)
    inner[i] = byte ^ INNER_PAD
    outer[i] = byte ^ OUTER_PAD
  }
  const length = BLOCK + inner.write(text, BLOCK)
  if (view.length !== length) view = inner.subarray(0, length)
  // As text of one byte a character: a Buffer would cost as much again as the hash.
  outer.write(hash('sha256', view, 'binary'), BLOCK, 'latin1')
  return hash('sha256', outer, 'base64url')
}
