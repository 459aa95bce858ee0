/** Bodies as data: JSON whatever the content type says, and forms in both of their encodings. */
import type { z } from 'zod'
import { isObject, parseJson } from '../protocol/json.ts'
import { describeIssues } from '../protocol/validation.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { message } from './http.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The body's text; null where it is no UTF-8. */
const textOf = (body: Uint8Array): string | null => {
  try {
    return decoder.decode(body)
  } catch {
    return null
  }
}

const INVALID_JSON = 'Invalid JSON.'

/** A JSON body that fits the schema, or the 400 to answer. Login pages post JSON without saying so: the type is not looked at. */
export const readJson = <T>(request: HttpRequest, schema: z.ZodType<T>): { value: T } | { refused: HttpResponse } => {
  const text = textOf(request.body)
  const parsed = text === null ? null : parseJson(text)
  if (parsed === null || parsed.kind !== 'value') return { refused: message(400, INVALID_JSON) }
  if (!isObject(parsed.value)) return { refused: message(400, 'Message format incorrect: expected a dictionary') }
  const checked = schema.safeParse(parsed.value)
  if (checked.success) return { value: checked.data }
  return { refused: message(400, `Message format incorrect: ${describeIssues(checked.error, parsed.value)}`) }
}

/** Fields of a form. `repeated`: a field stood there twice; `unreadable`: not the encoding that it claims to be. */
export type Form = ReadonlyMap<string, string> | 'repeated' | 'unreadable'

const MAX_FIELDS = 32

/**
 * A form, urlencoded or multipart (RFC 7578). Any other content type is an empty form, as in Home Assistant. Forms with more
 * than 32 fields are refused before they are parsed: thousands of tiny parts cost more than they look.
 */
export const readForm = (request: HttpRequest): Form | Promise<Form> => {
  const type = request.header('content-type') ?? ''
  const kind = type.split(';')[0]!.trim().toLowerCase()
  if (kind === 'application/x-www-form-urlencoded') return urlencoded(request.body)
  if (kind === 'multipart/form-data') return multipart(request.body, type)
  return new Map()
}

const urlencoded = (body: Uint8Array): Form => {
  const text = textOf(body)
  if (text === null) return 'unreadable'
  if (text.split('&', MAX_FIELDS + 1).length > MAX_FIELDS) return 'unreadable'
  return fieldsOf(new URLSearchParams(text.trimEnd()))
}

const multipart = async (body: Uint8Array, type: string): Promise<Form> => {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type)
  const mark = boundary?.[1] ?? boundary?.[2]
  if (mark === undefined) return 'unreadable'
  if (
    Buffer.from(body)
      .toString('latin1')
      .split(`--${mark}`, MAX_FIELDS + 3).length >
    MAX_FIELDS + 2
  )
    return 'unreadable'
  try {
    const form = await new Response(Uint8Array.from(body), { headers: { 'content-type': type } }).formData()
    // A file where a text belongs is no text.
    for (const [, value] of form) if (typeof value !== 'string') return 'unreadable'
    return fieldsOf(form as unknown as Iterable<[string, string]>)
  } catch {
    return 'unreadable'
  }
}

const fieldsOf = (pairs: Iterable<readonly [string, string]>): Form => {
  const fields = new Map<string, string>()
  for (const [name, value] of pairs) {
    if (fields.has(name)) return 'repeated'
    fields.set(name, value)
  }
  return fields
}
