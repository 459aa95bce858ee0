/** Forms that the token endpoint and the revocation endpoint are to refuse, with the answer that each gets. */
import { CLIENT_ID, type Tokens } from '../rig.ts'
import { type BadRequest, MARKER } from './bad-requests.ts'

const URLENCODED = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=x'
const FILE = 'Content-Disposition: form-data; name="token"; filename="a.txt"\r\nContent-Type: text/plain'

const part = (name: string, value: string): string =>
  `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

const latin = (text: string): Uint8Array => Buffer.from(text, 'latin1')

const UNREADABLE = { error: 'invalid_request', error_description: 'The form cannot be read' }
const REPEATED = { error: 'invalid_request', error_description: 'A parameter is repeated' }
const CLIENT = { error: 'invalid_request', error_description: 'Invalid client id' }
const CODE = { error: 'invalid_request', error_description: 'Invalid code' }
const TYPE = { error: 'unsupported_grant_type' }

/** Not the encoding that it says it is. */
const unreadable: readonly (readonly [name: string, type: string, body: string | Uint8Array])[] = [
  ['bytes that are no UTF-8', URLENCODED, latin('grant_type=\xff')],
  ['33 fields', URLENCODED, Array.from({ length: 33 }, (_, i) => `f${i}=1`).join('&')],
  ['60,000 empty fields', URLENCODED, '&'.repeat(60_000)],
  ['no boundary', 'multipart/form-data', part('grant_type', 'x')],
  ['an empty boundary', 'multipart/form-data; boundary=', part('grant_type', 'x')],
  ['nothing in parts', MULTIPART, ''],
  ['another boundary', MULTIPART, '--y\r\n\r\n--y--\r\n'],
  ['a cut part', MULTIPART, part('grant_type', 'refresh_token')],
  ['bare line ends', MULTIPART, `${part('grant_type', 'x').replaceAll('\r', '')}--x--\n`],
  ['a part without a name', MULTIPART, '--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n'],
  ['a part without a head', MULTIPART, '--x\r\n\r\nv\r\n--x--\r\n'],
  ['a file', MULTIPART, `--x\r\n${FILE}\r\n\r\nv\r\n--x--\r\n`],
  ['33 parts', MULTIPART, `${Array.from({ length: 33 }, (_, i) => part(`f${i}`, '1')).join('')}--x--\r\n`],
  ['10,000 boundaries', MULTIPART, '--x\r\n'.repeat(10_000)],
]

/** Forms without a field that counts: another type, or nothing in it. */
const empty: readonly (readonly [name: string, type: string, body: string | Uint8Array])[] = [
  ['nothing', URLENCODED, ''],
  ['blanks', URLENCODED, '  \r\n'],
  ['no names', URLENCODED, '=&='.slice(0, 1)],
  ['percent signs that encode nothing', URLENCODED, `%zz=%&grant%5Ftype%=x&${MARKER}=%e2%82`],
  ['JSON in a form', URLENCODED, `{"grant_type":"refresh_token","token":"${MARKER}"}`],
  ['JSON', 'application/json', `{"grant_type":"refresh_token","token":"${MARKER}"}`],
  ['a text', 'text/plain', 'grant_type=refresh_token'],
  ['no such type', 'constructor', 'grant_type=refresh_token'],
  ['names in brackets', URLENCODED, 'grant_type[]=refresh_token&token[]=x'],
  ['names in capitals', URLENCODED, 'GRANT_TYPE=refresh_token'],
]

export const badForms = ({ refresh_token }: Tokens): readonly BadRequest[] => {
  const ask = (
    path: string,
    name: string,
    type: string,
    body: string | Uint8Array,
    answer: unknown,
    status = 400,
  ): BadRequest => ({
    name: `${path} ${name}`.slice(0, 100),
    method: 'POST',
    path,
    headers: { 'content-type': type },
    body,
    status,
    answer,
  })
  const token = (fields: string | Record<string, string>, answer: unknown): BadRequest => {
    const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString()
    return ask('/auth/token', body, URLENCODED, body, answer)
  }
  const code = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: MARKER }
  const refresh = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
  const clients = ['', ' ', MARKER, 'ftp://example.com', 'https://u@example.com/', 'https://example.com/#f', '\0']
  return [
    ...['/auth/token', '/auth/revoke'].flatMap((path) => [
      ...unreadable.map(([name, type, body]) => ask(path, name, type, body, UNREADABLE)),
      ask(path, 'a field twice', URLENCODED, `token=a&token=${refresh_token}`, REPEATED),
      ask(path, 'a field twice in parts', MULTIPART, `${part('a', '1')}${part('a', '2')}--x--\r\n`, REPEATED),
      ask(path, 'a field twice, once encoded', URLENCODED, 'token=a&tok%65n=b', REPEATED),
      ask(path, 'a field twice under a poisonous name', URLENCODED, '__proto__=1&__proto__=2', REPEATED),
    ]),
    ...empty.flatMap(([name, type, body]) => [
      ask('/auth/token', name, type, body, TYPE),
      ask('/auth/revoke', name, type, body, '', 200),
    ]),
    // The query is not the form.
    ask(`/auth/revoke?token=${refresh_token}`, 'in the query', URLENCODED, '', '', 200),
    ask('/auth/token?grant_type=refresh_token', 'in the query', URLENCODED, '', TYPE),
    ...['', 'password', 'client_credentials', 'AUTHORIZATION_CODE', 'refresh_token ', '\0', 'constructor'].map((type) =>
      token({ ...code, grant_type: type }, TYPE),
    ),
    token({ ...code, action: 'REVOKE', grant_type: MARKER }, TYPE),
    ...clients.flatMap((client_id) => [
      token({ ...code, client_id }, CLIENT),
      token({ ...refresh, client_id }, CLIENT),
    ]),
    token({ grant_type: 'authorization_code', code: MARKER }, CLIENT),
    ...['', MARKER, '0'.repeat(64), 'é', '\0', 'a'.repeat(60_000)].map((text) => token({ ...code, code: text }, CODE)),
    token({ grant_type: 'authorization_code', client_id: CLIENT_ID }, CODE),
    token({ grant_type: 'refresh_token', client_id: CLIENT_ID }, { error: 'invalid_request' }),
    ...['', MARKER, 'é', '\0', 'lk_rt_', refresh_token.slice(0, -1), ` ${refresh_token}`, 'a'.repeat(60_000)].map(
      (text) => token({ ...refresh, refresh_token: text }, { error: 'invalid_grant' }),
    ),
    token({ ...refresh, client_id: 'https://other.example/' }, { error: 'invalid_request' }),
    token({ grant_type: 'refresh_token', refresh_token }, { error: 'invalid_request' }),
    ...['', MARKER, 'é', '\0', 'lk_rt_', '..', refresh_token.slice(0, -1), 'a'.repeat(60_000)].flatMap((text) => {
      const body = new URLSearchParams({ token: text }).toString()
      return [
        ask('/auth/revoke', body, URLENCODED, body, '', 200),
        ask('/auth/token', `revoke ${body}`, URLENCODED, `action=revoke&${body}`, '', 200),
      ]
    }),
  ]
}
