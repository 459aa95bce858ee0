/** The head of a request, read alike by every transport: the headers by name, or the answer to a head that decides nothing. */
import { ambiguousBody, ambiguousHead, tooManyHeaders } from './answers.ts'
import type { HttpResponse } from './transport.ts'

export const MAX_HEADERS = 100
export const MAX_HEAD_BYTES = 16 * 1024

/** Headers that decide something and mean nothing sure when they come twice. */
const SINGLE = new Set(['host', 'content-length', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'])

/** Headers by lower-case name. They are few, and few of them are asked for: lists cost less than a map. */
export class Head {
  readonly #names: string[] = []
  readonly #values: string[] = []
  #bytes = 0

  /** To be given every header in its order. */
  add(name: string, value: string): void {
    this.#names.push(name)
    this.#values.push(value)
    this.#bytes += name.length + value.length
  }

  /** Repeated ones are joined by `, `. */
  get(name: string): string | undefined {
    let found: string | undefined
    for (let i = 0; i < this.#names.length; i++) {
      if (this.#names[i] === name) found = found === undefined ? this.#values[i]! : `${found}, ${this.#values[i]}`
    }
    return found
  }

  /** The answer to a head that decides nothing; null for a good one. */
  refusal(): HttpResponse | null {
    // One library takes a head of any size that comes in one read.
    if (this.#names.length > MAX_HEADERS || this.#bytes > MAX_HEAD_BYTES) return tooManyHeaders
    // One library takes any transfer encoding as chunked, and prefers it to a length.
    const encoding = this.get('transfer-encoding')
    if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || this.get('content-length') !== undefined)) {
      return ambiguousBody
    }
    for (let i = 0; i < this.#names.length; i++) {
      const name = this.#names[i]!
      if (SINGLE.has(name) && this.#names.indexOf(name) !== i) return ambiguousHead(name)
    }
    return null
  }
}
