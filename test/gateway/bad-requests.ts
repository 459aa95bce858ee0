/** Requests that are to be refused, made from one that is good, with the answer that each gets. */
import { MAX_DEPTH, MAX_VALUES } from '../../src/protocol/json.ts'

/** `answer`: a JSON body, or the text of one that is none. */
export interface BadRequest {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly status: number
  readonly answer: unknown
}

/** An endpoint that takes JSON: a body that fits, and what each field is. */
export interface JsonEndpoint {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly good: Readonly<Record<string, unknown>>
  /** Fields that may be left out. */
  readonly optional?: readonly string[]
  /** The endpoint passes unknown fields on, and refuses them with this. */
  readonly extra?: string
}

/** Must not come back, whatever is wrong with it. */
export const MARKER = 'marker-7f3a'

const bytes = (...values: readonly (string | number)[]): Uint8Array =>
  Buffer.concat(values.map((value) => (typeof value === 'string' ? Buffer.from(value) : Buffer.from([value]))))

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** Texts and bytes that are no JSON here, whatever the endpoint. */
export const notJson: readonly (readonly [name: string, body: string | Uint8Array])[] = [
  ['nothing', ''],
  ['a blank', ' '],
  ['an open brace', '{'],
  ['a trailing comma', '{"a":1,}'],
  ['single quotes', "{'a':1}"],
  ['a comment', '{}/**/'],
  ['two values', '{}{}'],
  ['NaN', '{"a":NaN}'],
  ['Infinity', '{"a":Infinity}'],
  ['a number beyond all', '{"a":1e999}'],
  ['a leading zero', '{"a":01}'],
  ['a raw line end in a text', '{"a":"\n"}'],
  ['a NUL', '{"a":1}\0'],
  ['a byte order mark', '\ufeff{}'],
  ['a lone surrogate', '{"a":"\\ud800"}'],
  ['a broken escape', '{"a":"\\u12"}'],
  ['bytes that are no UTF-8', bytes('{"a":"', 0xff, 0xfe, '"}')],
  ['an overlong UTF-8 form', bytes('{"a":"', 0xc0, 0xaf, '"}')],
  ['a cut UTF-8 form', bytes('{"a":"', 0xe2, 0x82, '"}')],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
  ['a form', `client_id=${MARKER}`],
  ['a depth of one too many', `{"a":${nested(MAX_DEPTH)}}`],
  ['a depth of ten thousand', nested(10_000)],
  ['an unclosed depth of sixty thousand', '['.repeat(60_000)],
  ['values of one too many', `[${'0,'.repeat(MAX_VALUES - 1)}0]`],
  ['a key that poisons prototypes', '{"__proto__":{"isOwner":true}}'],
  ['another such key', '{"constructor":{"prototype":1}}'],
]

const others: readonly (readonly [name: string, value: unknown])[] = [
  ['null', null],
  ['a number', 5],
  ['true', true],
  ['a list', [MARKER]],
  ['a dictionary', { [MARKER]: MARKER }],
]

const format = (text: string) => ({ message: `Message format incorrect: ${text}` })

const without = (fields: Readonly<Record<string, unknown>>, name: string) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))

/** All that can be wrong with a JSON body before the endpoint looks at what it means. */
export const badJson = ({ path, headers = {}, good, optional = [], extra }: JsonEndpoint): BadRequest[] => {
  const refused = (name: string, body: string | Uint8Array, answer: unknown): BadRequest => ({
    name,
    method: 'POST',
    path,
    headers,
    body,
    status: 400,
    answer,
  })
  const texts = Object.keys(good).filter((name) => typeof good[name] === 'string')
  const required = Object.keys(good).filter((name) => !optional.includes(name))
  const beyond = extra === undefined ? format('extra keys not allowed') : { message: extra }
  return [
    ...notJson.map(([name, body]) => refused(name, body, { message: 'Invalid JSON.' })),
    ...['[]', '[[]]', '"text"', '5', 'null', 'true', '[{}]'].map((body) =>
      refused(`${body} instead of a dictionary`, body, format('expected a dictionary')),
    ),
    ...required.map((name) =>
      refused(`no ${name}`, JSON.stringify(without(good, name)), format(`required key not provided @ data['${name}']`)),
    ),
    ...texts.flatMap((name) =>
      others.map(([kind, value]) =>
        refused(
          `${kind} for ${name}`,
          JSON.stringify({ ...good, [name]: value }),
          format(`expected str for dictionary value @ data['${name}']`),
        ),
      ),
    ),
    refused(
      'the last of two fields of a name',
      `${JSON.stringify(good).slice(0, -1)},"client_id":5}`,
      // An endpoint without this field has one too many.
      'client_id' in good ? format("expected str for dictionary value @ data['client_id']") : beyond,
    ),
    refused('a field too many', JSON.stringify({ ...good, [MARKER]: MARKER }), beyond),
    refused('a thousand fields too many', JSON.stringify({ ...good, ...many }), beyond),
  ]
}

const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, i]))

/** Every method but those that the path knows. */
export const badMethods = (path: string, known: readonly string[]): BadRequest[] => [
  ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
    .filter((method) => !known.includes(method))
    .map((method) => ({
      name: `${method} ${path}`,
      method,
      path,
      ...(method === 'GET' ? {} : { body: '{}' }),
      status: 405,
      answer: { message: 'Method not allowed.' },
    })),
  { name: `HEAD ${path}`, method: 'HEAD', path, status: 405, answer: '' },
  {
    name: `OPTIONS ${path} without an origin`,
    method: 'OPTIONS',
    path,
    status: 403,
    answer: { message: 'CORS preflight request failed.' },
  },
]
