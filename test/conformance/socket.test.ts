/** Cases 98 to 134: the socket before and after authentication. */
import { expect, test } from 'vitest'
import { describeServers, type Result } from './server.ts'

describeServers('socket before authentication', (server) => {
  const invalid = { type: 'auth_invalid', message: 'Invalid access token or password' }

  test('98: the server speaks first, and says which version it is', async () => {
    const socket = await server().open()
    socket.send({ type: 'auth', access_token: (await server().session()).access_token })
    expect(await socket.next()).toEqual({ type: 'auth_ok', ha_version: expect.stringMatching(/^\d+\.\d+/) })
  })

  test.each([
    ['100', { type: 'auth', api_password: 'test-pass' }],
    ['101', { type: 'auth', access_token: 'incorrect' }],
    ['101', { type: 'auth', access_token: '' }],
    ['101', { type: 'auth', access_token: 'a'.repeat(8193) }],
    ['102', { type: 'auth' }],
  ])('%s: no good secret', async (_, message) => {
    const socket = await server().open()
    socket.send(message)
    expect(await socket.next()).toEqual(invalid)
    expect((await socket.closed).code).toBe(server().close(4202))
  })

  test.each([
    ['103', { id: 1, type: 'call_service' }],
    ['103', { type: 'ping' }],
    ['103', { type: 'auth', access_token: 5 }],
    ['103', { type: 'auth', access_token: null }],
    ['103', { type: 'auth', access_token: 'x', more: 1 }],
    ['103', { type: 'auth', access_token: 'x', api_password: 'y' }],
    ['103', [{ type: 'auth', access_token: 'x' }]],
    ['103', {}],
    ['103', 5],
  ])('%s: a message that is no auth message', async (_, message) => {
    const socket = await server().open()
    socket.send(JSON.stringify(message))
    const answer = (await socket.next()) as { type: string; message: string }
    expect(answer.type).toBe('auth_invalid')
    if (server().differs('texts of malformed messages', true, false)) {
      expect(answer.message).toMatch(/^Auth message incorrectly formatted: /)
    } else {
      expect(answer.message).toBe('Auth message incorrectly formatted')
    }
    expect((await socket.closed).code).toBe(server().close(4300))
  })

  test.each(['{', 'NaN', '\ufeff{}', '', '{"type":"auth","access_token":"\\ud800"}'])(
    '104: what is no JSON ends the socket without a word: %o',
    async (text) => {
      const socket = await server().open()
      socket.socket.send(text)
      expect((await socket.closed).code).toBe(server().close(4300))
      await expect(socket.next()).rejects.toThrow()
    },
  )

  test('105: a binary message ends the socket', async () => {
    const socket = await server().open()
    socket.socket.send(Buffer.from([1, 2]))
    expect((await socket.closed).code).toBe(server().close(1003))
  })

  test('106: of a key that is there twice the last counts', async () => {
    const socket = await server().open()
    const { access_token } = await server().session()
    socket.send(`{"type":"x","access_token":"wrong","access_token":${JSON.stringify(access_token)},"type":"auth"}`)
    expect(await socket.next()).toMatchObject({ type: 'auth_ok' })
  })

  test('106: what follows a bad token in the same breath is not executed, what follows a good one is', async () => {
    const bad = await server().open()
    bad.send({ type: 'auth', access_token: 'wrong' })
    bad.send({ id: 1, type: 'ping' })
    expect(await bad.next()).toEqual(invalid)
    await bad.closed
    await expect(bad.next()).rejects.toThrow()
    const good = await server().open()
    good.send({ type: 'auth', access_token: (await server().session()).access_token })
    good.send({ id: 1, type: 'ping' })
    expect(await good.next()).toMatchObject({ type: 'auth_ok' })
    expect(await good.next()).toEqual({ id: 1, type: 'pong' })
  })

  test('108: silence for ten seconds', { timeout: 30_000 }, async () => {
    const socket = await server().open()
    const begin = performance.now()
    expect((await socket.closed).code).toBe(server().close(4101))
    const seconds = (performance.now() - begin) / 1000
    expect(seconds).toBeGreaterThan(9)
    expect(seconds).toBeLessThan(12)
    await expect(socket.next()).rejects.toThrow()
  })
})

describeServers('socket after authentication', (server) => {
  const malformed = (id: unknown) => ({
    id,
    type: 'result',
    success: false,
    error: { code: 'invalid_format', message: 'Message incorrectly formatted.' },
  })

  test.each([
    ['111', { type: 5 }, null],
    ['111', { type: 'ping' }, null],
    ['111', { id: 1 }, 1],
    ['111', { id: 1, type: '' }, 1],
    ['120', { id: '7', type: 'ping' }, '7'],
    ['120', { id: true, type: 'ping' }, true],
    ['120', { id: 0, type: 'ping' }, 0],
    ['120', { id: -1, type: 'ping' }, -1],
    ['120', { id: 7.5, type: 'ping' }, 7.5],
    ['111', 5, 0],
    ['111', 'text', 0],
    ['111', null, 0],
  ])('%s: a message without a good id and type: %o', async (_, message, id) => {
    const socket = await server().authenticated()
    socket.send(JSON.stringify(message))
    expect(await socket.next()).toEqual(malformed(id))
    expect(await socket.command('ping')).toMatchObject({ type: 'pong' })
  })

  test('112: what is no JSON ends the socket', async () => {
    const socket = await server().authenticated()
    socket.send('{"id":1,"type":"ping",}')
    expect((await socket.closed).code).toBe(server().close(4300))
    await expect(socket.next()).rejects.toThrow()
  })

  test('113: an empty binary message ends the socket; 114: another is passed over', async () => {
    const socket = await server().authenticated()
    socket.socket.send(Buffer.from([0]))
    socket.socket.send(Buffer.from([1, 2, 3]))
    expect(await socket.command('ping')).toMatchObject({ type: 'pong' })
    socket.socket.send(Buffer.alloc(0))
    expect((await socket.closed).code).toBe(server().close(4300))
  })

  test('116: an unknown type; 117: which does not use its id up', async () => {
    const socket = await server().authenticated()
    socket.send({ id: 5, type: 'make_coffee' })
    expect(await socket.next()).toEqual({
      id: 5,
      type: 'result',
      success: false,
      error: { code: 'unknown_command', message: 'Unknown command.' },
    })
    socket.send({ id: 5, type: 'ping' })
    expect(await socket.next()).toEqual({ id: 5, type: 'pong' })
  })

  test('118: an id that does not rise; 119: gaps are fine', async () => {
    const socket = await server().authenticated()
    for (const id of [1, 100, 101]) {
      socket.send({ id, type: 'ping' })
      expect(await socket.next()).toEqual({ id, type: 'pong' })
    }
    for (const id of [101, 100, 1]) {
      socket.send({ id, type: 'ping' })
      expect(await socket.next()).toEqual({
        id,
        type: 'result',
        success: false,
        error: { code: 'id_reuse', message: 'Identifier values have to increase.' },
      })
    }
  })

  test('120: the largest ids', async () => {
    const socket = await server().authenticated()
    socket.send({ id: Number.MAX_SAFE_INTEGER, type: 'ping' })
    expect(await socket.next()).toEqual({ id: Number.MAX_SAFE_INTEGER, type: 'pong' })
    socket.send('{"id":18446744073709551616,"type":"ping"}')
    expect(await socket.next()).toMatchObject({ success: false, error: { code: 'invalid_format' } })
  })

  test('122: fields that are wrong, missing or too many use the id up', async () => {
    const socket = await server().authenticated()
    const refusal = async (message: Readonly<Record<string, unknown>>): Promise<string> => {
      socket.send(message)
      const { error } = (await socket.next()) as Result
      expect(error!.code).toBe('invalid_format')
      return error!.message
    }
    const texts = [
      await refusal({ id: 1, type: 'auth/delete_refresh_token' }),
      await refusal({ id: 2, type: 'auth/delete_refresh_token', refresh_token_id: 5 }),
      await refusal({ id: 3, type: 'ping', more: 1 }),
    ]
    if (server().differs('texts of malformed messages', true, false)) {
      expect(texts).toEqual([
        "required key not provided @ data['refresh_token_id']. Got None",
        "expected str for dictionary value @ data['refresh_token_id']. Got 5",
        expect.stringMatching(/^extra keys not allowed/),
      ])
    } else {
      expect(texts).toEqual([
        "required key not provided @ data['refresh_token_id']",
        "expected str for dictionary value @ data['refresh_token_id']",
        'extra keys not allowed',
      ])
    }
    socket.send({ id: 3, type: 'ping' })
    expect(await socket.next()).toMatchObject({ error: { code: 'id_reuse' } })
  })

  test('124: ping', async () => {
    const socket = await server().authenticated()
    socket.send({ id: 1, type: 'ping' })
    expect(await socket.nextText()).toBe('{"id":1,"type":"pong"}')
  })

  /** Reads until as many answers came, in frames as they are. */
  const answers = async (socket: { nextText(): Promise<string> }, count: number) => {
    const all: Result[] = []
    const frames: unknown[] = []
    while (all.length < count) {
      const frame = JSON.parse(await socket.nextText()) as Result | Result[]
      frames.push(frame)
      all.push(...[frame].flat())
    }
    return { all, frames }
  }

  test('125: with coalesce_messages answers may come together', async () => {
    const socket = await server().authenticated()
    expect(await socket.command('supported_features', { features: { coalesce_messages: 1 } })).toMatchObject({
      success: true,
      result: null,
    })
    for (let id = 2; id < 12; id++) socket.send({ id, type: 'ping' })
    const { all } = await answers(socket, 10)
    expect(all.map(({ id }) => id)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  test('126: features are a map of whole numbers', async () => {
    const socket = await server().authenticated()
    for (const features of [undefined, 5, [], { a: '1' }, { a: null }, { a: 1.5 }]) {
      expect(await socket.command('supported_features', { features })).toMatchObject({
        error: { code: 'invalid_format' },
      })
    }
    expect(await socket.command('supported_features', { features: { a: 1, b: true } })).toMatchObject({ success: true })
  })

  test('127, 128: several commands in one array are answered in order, each in a frame of its own', async () => {
    const socket = await server().authenticated()
    socket.send([
      { id: 1, type: 'ping' },
      { id: 2, type: 'ping' },
    ])
    const { all, frames } = await answers(socket, 2)
    expect(all.map(({ id }) => id)).toEqual([1, 2])
    expect(frames).toHaveLength(2)
  })

  test('128: and together, when that was asked for', async () => {
    const socket = await server().authenticated()
    await socket.command('supported_features', { features: { coalesce_messages: 1 } })
    socket.send([
      { id: 2, type: 'ping' },
      { id: 3, type: 'ping' },
    ])
    expect(await socket.nextText()).toBe('[{"id":2,"type":"pong"},{"id":3,"type":"pong"}]')
  })

  test('130: an empty array is passed over, and what is no message in one is answered', async () => {
    const socket = await server().authenticated()
    socket.send('[]')
    socket.send('[5,[],{"id":1,"type":"ping"}]')
    expect(await socket.next()).toEqual(malformed(0))
    expect(await socket.next()).toEqual(malformed(0))
    expect(await socket.next()).toEqual({ id: 1, type: 'pong' })
  })

  test('134: unsubscribe_events of what is no subscription', async () => {
    const socket = await server().authenticated()
    expect(await socket.command('unsubscribe_events', { subscription: 5 })).toMatchObject({
      error: { code: 'not_found', message: 'Subscription not found.' },
    })
  })

  test('134: a subscription brings events under its id until it is ended', async () => {
    const { owner } = await server().user()
    const begun = await owner.command('subscribe_events', { event_type: 'user_added' })
    expect(begun).toMatchObject({ success: true, result: null })
    owner.send({ id: begun.id + 1, type: 'config/auth/create', name: 'Somebody' })
    const both = [await owner.next(), await owner.next()] as Result[]
    const event = both.find(({ type }) => type === 'event')
    expect(Object.keys(event!)).toEqual(['type', 'event', 'id'])
    expect(event).toMatchObject({
      id: begun.id,
      event: { event_type: 'user_added', data: { user_id: expect.any(String) } },
    })
    owner.send({ id: begun.id + 2, type: 'unsubscribe_events', subscription: begun.id })
    expect(await owner.next()).toMatchObject({ success: true, result: null })
    owner.send({ id: begun.id + 3, type: 'config/auth/create', name: 'Another' })
    expect(await owner.next()).toMatchObject({ id: begun.id + 3, success: true })
  })

  test('133: who is no administrator hears nothing of other people', async () => {
    const { tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    expect(await socket.command('subscribe_events', { event_type: 'user_added' })).toMatchObject({
      error: { code: 'unauthorized', message: 'Unauthorized' },
    })
    expect(await socket.command('subscribe_events', { event_type: 'state_changed' })).toMatchObject({ success: true })
  })
})
