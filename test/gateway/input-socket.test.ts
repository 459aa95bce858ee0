/** Bad input on the socket after auth: the exact answer or close to each, nothing changed by any, and the process well afterwards. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commands } from '../../src/protocol/commands.ts'
import { authenticated, closeRigs, type RawSocket, type Rig, session, type Tokens } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { badFields, badValues, fieldsOf } from './bad-commands.ts'
import { MARKER } from './bad-requests.ts'
import { DESTRUCTIVE, faultCode, notJsonCode, notJsonHere, rest, sendText } from './endings.ts'
import { expectUntouched } from './untouched.ts'

afterEach(closeRigs)

const MALFORMED = 'Message incorrectly formatted.'
const refusal = (id: unknown, code: string, message: string) => ({
  id,
  type: 'result',
  success: false,
  error: { code, message },
})
const misformed = (id: unknown) => refusal(id, 'invalid_format', MALFORMED)

describeTransports('bad input on the socket, after auth', (start, transport) => {
  let gateway: Rig
  let tokens: Tokens
  const isUntouched = (name: string, act: () => Promise<void>): void => test(name, () => expectUntouched(gateway, act))
  const admitted = (): Promise<RawSocket> => authenticated(gateway.url, tokens.access_token)

  beforeEach(async () => {
    gateway = await start()
    tokens = await session(gateway.url)
  })

  /** Sends a text and expects its answer; a ping afterwards shows that there was no other, and that the socket lives. */
  const conversation = async (turns: readonly (readonly [text: string, ...answers: unknown[]])[]): Promise<void> => {
    const raw = await admitted()
    let pings = 0
    for (const [text, ...answers] of turns) {
      const given: unknown[] = []
      raw.send(text)
      // Its id is none, so it is answered and moves nothing.
      const ping = --pings
      raw.send({ id: ping, type: 'ping' })
      for (;;) {
        const answer = (await raw.next()) as { id: unknown }
        if (answer.id === ping) break
        given.push(answer)
      }
      expect([text, given]).toEqual([text, answers])
      expect(JSON.stringify(given)).not.toContain(MARKER)
    }
    raw.socket.close()
  }

  isUntouched('what is no command is answered with what can be told of its id', async () => {
    const long = 'x'.repeat(65)
    const ids: readonly (readonly [text: string, echoed: unknown])[] = [
      ['null', null],
      ['0', 0],
      ['-7', -7],
      ['-0', 0],
      ['1.5', 1.5],
      ['9007199254740992', 9007199254740992],
      ['1e300', 1e300],
      ['"7"', '7'],
      [`"${long}"`, null],
      ['true', true],
      ['[1]', null],
      [`{"${MARKER}":1}`, null],
    ]
    const types = ['null', '""', '5', 'true', '["ping"]', '{"type":"ping"}']
    await conversation([
      ...['5', '-1', '"ping"', 'null', 'true', 'false'].map((text) => [text, misformed(0)] as const),
      ['[[]]', misformed(0)],
      ['[5,"x",null]', misformed(0), misformed(0), misformed(0)],
      ['{}', misformed(null)],
      ['{"type":"ping"}', misformed(null)],
      ...ids.map(([text, echoed]) => [`{"id":${text},"type":"ping"}`, misformed(echoed)] as const),
      ['{"id":3}', misformed(3)],
      ...types.map((type) => [`{"id":3,"type":${type}}`, misformed(3)] as const),
      [`{"id":3,"type":"ping","__proto__":{"${MARKER}":1}}`, misformed(3)],
      [`{"id":3,"type":"ping","a":[{"constructor":1}]}`, misformed(3)],
      ['[{"id":3,"type":"ping","prototype":1}]', misformed(null)],
      ['[]'],
      // None of these used the id up.
      ['{"id":3,"type":"ping"}', { id: 3, type: 'pong' }],
      // Of two keys of a name the last counts.
      ['{"id":1,"id":4,"type":"x","type":"ping"}', { id: 4, type: 'pong' }],
    ])
  })

  isUntouched('an unknown type does not use its id up, and an id that does not rise is refused (A18)', async () => {
    const unknown = ['x', 'PING', 'ping ', 'auth', 'auth/', '__proto__', 'constructor', 'toString', 'x'.repeat(60_000)]
    const reused = (id: number) => refusal(id, 'id_reuse', 'Identifier values have to increase.')
    await conversation([
      ...unknown.map((type) => {
        const answer = refusal(1, 'unknown_command', 'Unknown command.')
        return [JSON.stringify({ id: 1, type, [MARKER]: 1 }), answer] as const
      }),
      ['{"id":1,"type":"ping"}', { id: 1, type: 'pong' }],
      ['{"id":1,"type":"ping"}', reused(1)],
      // An id is looked at before the type.
      ['{"id":1,"type":"no such"}', reused(1)],
      ['{"id":5,"type":"ping","extra":1}', refusal(5, 'invalid_format', 'extra keys not allowed')],
      ['{"id":4,"type":"ping"}', reused(4)],
      ['{"id":5,"type":"ping"}', reused(5)],
      ['{"id":9007199254740991,"type":"ping"}', { id: 9007199254740991, type: 'pong' }],
      ['{"id":9007199254740991,"type":"ping"}', reused(9007199254740991)],
      ['{"id":1,"type":"auth","access_token":"x"}', reused(1)],
    ])
  })

  test('the table names every command', () => {
    expect(Object.keys(fieldsOf).sort()).toEqual([...commands.keys()].sort())
  })

  isUntouched('fields that do not fit are named, for every command (A26, F7, B14)', async () => {
    let id = 0
    const bad = [...[...commands.keys()].flatMap(badFields), ...badValues]
    await conversation(
      bad.map(([command, sentence]) => {
        const message = { id: ++id, ...command }
        return [JSON.stringify(message), refusal(id, 'invalid_format', sentence)] as const
      }),
    )
  })

  isUntouched('what a command names is not there (F6)', async () => {
    const expiry = { type: 'auth/refresh_token_set_expiry', enable_expiry: true }
    const invalidToken = ['invalid_token_id', 'Received invalid token'] as const
    const noUser = ['not_found', 'User not found'] as const
    const noSubscription = ['not_found', 'Subscription not found.'] as const
    const asked: readonly (readonly [command: object, code: string, message: string])[] = [
      [{ type: 'auth/delete_refresh_token', refresh_token_id: '' }, ...invalidToken],
      [{ type: 'auth/delete_refresh_token', refresh_token_id: 'x'.repeat(60_000) }, ...invalidToken],
      [{ ...expiry, refresh_token_id: '\0' }, ...invalidToken],
      [{ type: 'config/auth/update', user_id: '0'.repeat(32), name: 'x' }, ...noUser],
      [{ type: 'config/auth/delete', user_id: '' }, ...noUser],
      [{ type: 'config/auth/create', name: 'x', group_ids: [MARKER] }, 'unknown_error', 'Unknown error'],
      [{ type: 'unsubscribe_events', subscription: 1 }, ...noSubscription],
      [{ type: 'unsubscribe_events', subscription: -1e300 }, ...noSubscription],
      [{ type: 'config/auth/bans/delete', network: MARKER }, 'not_found', 'Not found.'],
    ]
    const raw = await admitted()
    for (const [i, [command, code, message]] of asked.entries()) {
      raw.send({ id: i + 1, ...command })
      expect([command, await raw.next()]).toEqual([command, refusal(i + 1, code, message)])
    }
    raw.socket.close()
  })

  isUntouched('one message or many in an array: each is answered in its order', async () => {
    const array = JSON.stringify([
      { id: 1, type: 'ping' },
      { id: 1, type: 'ping' },
      MARKER,
      { id: 2, type: 'ping', [MARKER]: 1 },
      { id: 3, type: MARKER },
      [{ id: 4, type: 'ping' }],
      { id: 3, type: 'ping' },
    ])
    const answers = [
      { id: 1, type: 'pong' },
      refusal(1, 'id_reuse', 'Identifier values have to increase.'),
      misformed(0),
      refusal(2, 'invalid_format', 'extra keys not allowed'),
      refusal(3, 'unknown_command', 'Unknown command.'),
      misformed(0),
      { id: 3, type: 'pong' },
    ]
    await conversation([[array, ...answers]])
    const raw = await admitted()
    raw.send({ id: 1, type: 'supported_features', features: { coalesce_messages: 1 } })
    expect(await raw.next()).toEqual({ id: 1, type: 'result', success: true, result: null })
    raw.send('[{"id":2,"type":"ping"},5,{"id":2,"type":"ping"}]')
    expect(await raw.next()).toEqual([
      { id: 2, type: 'pong' },
      misformed(0),
      refusal(2, 'id_reuse', 'Identifier values have to increase.'),
    ])
    raw.socket.close()
  })

  isUntouched('what is no JSON closes with 4300 without a word, and what follows is not executed', async () => {
    for (const [name, body] of notJsonHere) {
      const raw = await admitted()
      sendText(raw, body)
      raw.send(DESTRUCTIVE)
      const code = notJsonCode(transport, body, 64 * 1024, faultCode(transport, 1009))
      expect([name, await rest(raw)]).toEqual([name, { messages: [], code, reason: '' }])
    }
  })

  isUntouched('what was asked before is still answered', async () => {
    const raw = await admitted()
    raw.send({ id: 1, type: 'ping' })
    raw.send('{')
    expect(await rest(raw)).toEqual({ messages: [{ id: 1, type: 'pong' }], code: 4300, reason: '' })
  })

  isUntouched('64 KiB are read, one byte more ends the socket', async () => {
    const text = '{"id":1,"type":"ping"}'
    const fits = await admitted()
    fits.send(text + ' '.repeat(64 * 1024 - text.length))
    expect(await fits.next()).toEqual({ id: 1, type: 'pong' })
    fits.socket.close()
    const over = await admitted()
    over.send(text + ' '.repeat(64 * 1024 + 1 - text.length))
    expect(await rest(over)).toMatchObject({ messages: [], code: faultCode(transport, 1009) })
  })

  isUntouched('an empty binary message closes with 4300, any other is passed over (A13)', async () => {
    const raw = await admitted()
    for (const size of [1, 1024, 60_000]) raw.socket.send(Buffer.alloc(size))
    raw.socket.send(Buffer.from(DESTRUCTIVE))
    raw.send({ id: 1, type: 'ping' })
    expect(await raw.next()).toEqual({ id: 1, type: 'pong' })
    raw.socket.send(Buffer.alloc(0))
    expect(await rest(raw)).toEqual({ messages: [], code: 4300, reason: '' })
  })
})
