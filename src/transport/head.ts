/** The head of a request, read alike by every transport: the headers by name, or the answer to a head that decides nothing. */
import { ambiguousBody, ambiguousHead, tooManyHeaders } from './answers.ts'
import type { HttpResponse } from './transport.ts'

export const MAX_HEADERS = 100
export const MAX_HEAD_BYTES = 16 * 1024

/** Headers that decide something and mean nothing sure when they come twice. By length first: most names are none of them. */
const isSingle = (name: string): boolean => {
  switch (name.length) {
    case 4:
      return name === 'host'
    case 14:
      return name === 'content-length'
    case 15:
      return name === 'x-forwarded-for'
    case 16:
      return name === 'x-forwarded-host'
    case 17:
      return name === 'x-forwarded-proto'
    default:
      return false
  }
}

/** Headers by lower-case name. They are few, and few of them are asked for: lists cost less than a map. */
export class Head {
  readonly #names: string[] = []
  readonly #values: string[] = []
  /** What stands behind is of a request before. */
  #count = 0
  #bytes = 0
  /** Came twice, and may not. */
  #twice: string | null = null

  /** As new: for the next request. */
  clear(): void {
    this.#count = 0
    this.#bytes = 0
    this.#twice = null
  }

  /** To be given every header in its order. */
  add(name: string, value: string): void {
    if (isSingle(name) && this.#twice === null && this.get(name) !== undefined) this.#twice = name
    this.#names[this.#count] = name
    this.#values[this.#count] = value
    this.#count++
    this.#bytes += name.length + value.length
  }

  /** Repeated ones are joined by `, `. */
  get(name: string): string | undefined {
    let found: string | undefined
    for (let i = 0; i < this.#count; i++) {
      if (this.#names[i] === name) found = found === undefined ? this.#values[i]! : `${found}, ${this.#values[i]}`
    }
    return found
  }

  /** The answer to a head that decides nothing; null for a good one. */
  refusal(): HttpResponse | null {
    // One library takes a head of any size that comes in one read.
    if (this.#count > MAX_HEADERS || this.#bytes > MAX_HEAD_BYTES) return tooManyHeaders
    // One library takes any transfer encoding as chunked, and prefers it to a length.
    const encoding = this.get('transfer-encoding')
    if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || this.get('content-length') !== undefined)) {
      return ambiguousBody
    }
    return this.#twice === null ? null : ambiguousHead(this.#twice)
  }
}
