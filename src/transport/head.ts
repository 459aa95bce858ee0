/** The head of a request, read alike by every transport: the headers by name, or the answer to a head that decides nothing. */
import { ambiguousBody, ambiguousHead, tooManyHeaders } from './answers.ts'
import type { HttpResponse } from './transport.ts'

export const MAX_HEADERS = 100
export const MAX_HEAD_BYTES = 16 * 1024

/** Headers that decide something and mean nothing sure when they come twice. */
const SINGLE = new Set(['host', 'content-length', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'])

export type Head = ReadonlyMap<string, string>

/** `each` calls with every header in its order, by lower-case name. */
export const readHead = (each: (visit: (name: string, value: string) => void) => void): Head | HttpResponse => {
  const headers = new Map<string, string>()
  let count = 0
  let bytes = 0
  let refused: HttpResponse | null = null
  each((name, value) => {
    count++
    bytes += name.length + value.length
    const before = headers.get(name)
    if (before !== undefined && SINGLE.has(name)) refused = ambiguousHead(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  })
  // One library takes a head of any size that comes in one read.
  if (count > MAX_HEADERS || bytes > MAX_HEAD_BYTES) return tooManyHeaders
  // One library takes any transfer encoding as chunked, and prefers it to a length.
  const encoding = headers.get('transfer-encoding')
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || headers.has('content-length'))) {
    return ambiguousBody
  }
  return refused ?? headers
}

export const isRefusal = (head: Head | HttpResponse): head is HttpResponse => 'status' in head
