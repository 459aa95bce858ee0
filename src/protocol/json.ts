/** Reading JSON that a stranger wrote: bounded, and with the keys refused that poison prototypes. */

/** Nesting deeper than this is refused: a 20 kB message of depth 10,000 parses but cannot be copied or logged. */
export const MAX_DEPTH = 32
/** Objects, arrays and scalars in one message. 64 KiB of pings in one array hold fewer than 9,000. */
export const MAX_VALUES = 10_000

/**
 * What a text turned out to be. `malformed`: not JSON, too deep, too many values, a number that JavaScript cannot hold,
 * or a string with a lone surrogate. `forbidden`: JSON, but with a key named `__proto__`, `constructor` or `prototype`;
 * the value is given so that the caller can answer the message's id, and is not to be used otherwise.
 */
export type Parsed =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'forbidden'; readonly value: unknown }

const MALFORMED: Parsed = { kind: 'malformed' }

const forbiddenKey = (key: string): boolean => key === '__proto__' || key === 'constructor' || key === 'prototype'

/** Parses a peer's JSON text (RFC 8259). Of a duplicate key the last counts. Never throws. */
export const parseJson = (text: string): Parsed => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return MALFORMED
  }
  let seen = 0
  let forbidden = false
  // Level by level instead of recursively: the depth is the peer's choice.
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = []
    seen += level.length
    if (seen > MAX_VALUES) return MALFORMED
    for (const item of level) {
      if (typeof item === 'string') {
        if (!item.isWellFormed()) return MALFORMED
      } else if (typeof item === 'number') {
        if (!Number.isFinite(item)) return MALFORMED
      } else if (Array.isArray(item)) {
        if (depth >= MAX_DEPTH) return MALFORMED
        for (const element of item) next.push(element)
      } else if (item !== null && typeof item === 'object') {
        if (depth >= MAX_DEPTH) return MALFORMED
        for (const key of Object.keys(item)) {
          if (forbiddenKey(key)) forbidden = true
          else next.push((item as Record<string, unknown>)[key])
        }
      }
    }
    level = next
  }
  return forbidden ? { kind: 'forbidden', value } : { kind: 'value', value }
}

/** True for a JSON object, not for an array or null. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** What a message has as its id, whatever that is; null where it has none. */
export const idOf = (message: unknown): unknown => (isObject(message) ? (message['id'] ?? null) : null)
