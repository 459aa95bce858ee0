/** Bad input on the socket before auth: the exact answer and close to each, nothing changed, and nobody let in. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commands } from '../../src/protocol/commands.ts'
import { closeRigs, type RawSocket, type Rig, rawSocket, session, type Tokens } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { fieldsOf } from './bad-commands.ts'
import { MARKER } from './bad-requests.ts'
import { DESTRUCTIVE, notJsonCode, notJsonHere, rest, sendText } from './endings.ts'
import { expectUntouched } from './untouched.ts'

afterEach(closeRigs)

describeTransports('bad input on the socket, before auth', (start, transport) => {
  let gateway: Rig
  let tokens: Tokens
  const isUntouched = (name: string, act: () => Promise<void>): void => test(name, () => expectUntouched(gateway, act))
  const opened = async (): Promise<RawSocket> => {
    const raw = rawSocket(gateway.url)
    await raw.next()
    return raw
  }

  beforeEach(async () => {
    gateway = await start()
    tokens = await session(gateway.url)
  })

  const invalid = (message: string, code: number) => ({
    messages: [{ type: 'auth_invalid', message }],
    code,
    reason: '',
  })
  const isOpen = (type: string): boolean => commands.get(type)!.needs === 'anyone'
  const auth = (fields: object) => JSON.stringify({ type: 'auth', ...fields })

  isUntouched('what is JSON and no auth message is told so, and closes with 4300 (A3, A26)', async () => {
    const { access_token } = tokens
    const texts = [
      ...['[]', '[{}]', '{}', '5', '"auth"', 'null', 'true', `[${auth({ access_token })}]`],
      auth({ access_token: null }),
      auth({ access_token: 5 }),
      auth({ access_token: [access_token] }),
      auth({ access_token: {} }),
      auth({ access_token, api_password: 'x' }),
      auth({ api_password: null }),
      auth({ access_token, id: 1 }),
      auth({ access_token, [MARKER]: MARKER }),
      JSON.stringify({ type: 'AUTH', access_token }),
      JSON.stringify({ type: null, access_token }),
      JSON.stringify({ access_token }),
      `{"type":"auth","type":"${MARKER}","access_token":"${access_token}"}`,
      `{"type":"auth","access_token":"${access_token}","__proto__":{}}`,
      // Commands that want somebody; and those that anyone may send, without an id that could be answered.
      ...Object.keys(fieldsOf).map((type) => JSON.stringify({ id: isOpen(type) ? 0 : 1, type })),
      DESTRUCTIVE,
    ]
    for (const text of texts) {
      const raw = await opened()
      raw.send(text)
      raw.send(auth({ access_token }))
      raw.send(DESTRUCTIVE)
      expect([text, await rest(raw)]).toEqual([text, invalid('Auth message incorrectly formatted', 4300)])
    }
  })

  isUntouched('an auth message without a good token is told so, and closes with 4202 (A2, B10)', async () => {
    const { access_token } = tokens
    const fields = [
      {},
      { api_password: 'test-pass' },
      ...[
        '',
        ' ',
        MARKER,
        'é',
        '..',
        `Bearer ${access_token}`,
        `${access_token} `,
        `${access_token}=`,
        access_token.slice(0, -1),
        access_token.toUpperCase(),
        `${access_token}.${access_token}`,
        tokens.refresh_token,
        'a'.repeat(8192),
        'a'.repeat(8193),
      ].map((access_token) => ({ access_token })),
    ]
    for (const field of fields) {
      const raw = await opened()
      raw.send(auth(field))
      raw.send(DESTRUCTIVE)
      expect([field, await rest(raw)]).toEqual([field, invalid('Invalid access token or password', 4202)])
    }
  })

  isUntouched('what is no JSON closes with 4300, and what is too large with 1009, without a word', async () => {
    for (const [name, body] of notJsonHere) {
      const raw = await opened()
      const code = notJsonCode(transport, body, 16 * 1024, 1009)
      sendText(raw, body)
      raw.send(auth({ access_token: tokens.access_token }))
      expect([name, await rest(raw)]).toEqual([name, { messages: [], code, reason: '' }])
    }
  })

  isUntouched('16 KiB are looked at, one byte more closes with 1009', async () => {
    const padded = (bytes: number) => {
      const text = auth({ access_token: tokens.access_token })
      return text + ' '.repeat(bytes - text.length)
    }
    const fits = await opened()
    fits.send(padded(16 * 1024))
    expect(await fits.next()).toMatchObject({ type: 'auth_ok' })
    fits.socket.close()
    const over = await opened()
    over.send(padded(16 * 1024 + 1))
    expect(await rest(over)).toEqual({ messages: [], code: 1009, reason: '' })
  })

  isUntouched('a binary message closes with 1003 (A13)', async () => {
    for (const body of ['', 'x', auth({ access_token: tokens.access_token })]) {
      const raw = await opened()
      raw.socket.send(Buffer.from(body))
      expect([body, await rest(raw)]).toEqual([body, { messages: [], code: 1003, reason: '' }])
    }
  })
})
