/** The few answers that a transport gives by itself, before any handler sees the request. */
import type { HttpResponse } from './transport.ts'

const plain = (status: number, message: string): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message }),
})

export const tooManyHeaders = plain(431, 'Too many headers.')
export const ambiguousHead = (header: string): HttpResponse => plain(400, `More than one ${header} header.`)
export const ambiguousBody = plain(400, 'The length of the body is ambiguous.')
export const internalError = plain(500, 'Internal error.')
export const tooLarge = (limit: number): HttpResponse => plain(413, `The body must not be larger than ${limit} bytes.`)
