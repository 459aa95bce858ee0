/**
 * Access tokens that were verified, found by the text or by the bytes of the `auth` message that shows one. What finds a token is
 * a part of it; the whole is compared before it is believed.
 */
import { LRUCache } from 'lru-cache'
import { SIGNATURE_LENGTH } from './jwt.ts'

/** A token that was verified once, and what it was verified against. */
export interface Known<E> {
  readonly token: string
  readonly entry: E
  readonly iat: number
  readonly exp: number
  /** The `auth` message that shows it; null until it was seen twice: most tokens are not. */
  frame: Uint8Array | null
}

/** An `auth` message ends with the signature, a quotation mark and a brace. */
const AFTER_SIGNATURE = 2
/** So many of its last bytes make a key of 32 bits. */
const KEY_LENGTH = 12

const keyOf = (frame: Uint8Array): number => {
  const end = frame.length - AFTER_SIGNATURE
  let key = 0
  for (let i = Math.max(0, end - KEY_LENGTH); i < end; i++) key = (Math.imul(key, 31) + frame[i]!) | 0
  return key
}

export class KnownTokens<E> {
  readonly #byToken: LRUCache<string, Known<E>>
  readonly #byFrame = new Map<number, Known<E>>()

  constructor(capacity: number) {
    this.#byToken = new LRUCache({ max: capacity, dispose: (known) => this.#forgetFrame(known) })
  }

  get(token: string): Known<E> | undefined {
    const known = this.#byToken.get(token.slice(-SIGNATURE_LENGTH))
    return known?.token === token ? known : undefined
  }

  /** By a whole `auth` message. Makes no text. */
  getFrame(data: Uint8Array): Known<E> | undefined {
    const known = this.#byFrame.get(keyOf(data))
    return known !== undefined && Buffer.compare(known.frame!, data) === 0 ? known : undefined
  }

  add(token: string, entry: E, iat: number, exp: number): void {
    this.#byToken.set(token.slice(-SIGNATURE_LENGTH), { token, entry, iat, exp, frame: null })
  }

  /** From now on it is found by its `auth` message too, as long as it is kept. */
  keepFrame(token: string): void {
    const known = this.get(token)
    if (known === undefined || known.frame !== null) return
    known.frame = Buffer.from(JSON.stringify({ type: 'auth', access_token: token }))
    const key = keyOf(known.frame)
    const before = this.#byFrame.get(key)
    // Two of one key take turns.
    if (before !== undefined) before.frame = null
    this.#byFrame.set(key, known)
  }

  #forgetFrame(known: Known<E>): void {
    if (known.frame !== null) this.#byFrame.delete(keyOf(known.frame))
    known.frame = null
  }
}
