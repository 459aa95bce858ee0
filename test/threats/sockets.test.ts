/** Threats to the socket, by the rows of docs/threats.md that no other suite is about. */
import { afterEach, expect, test } from 'vitest'
import { authenticated, closeRigs, postForm, type Rig, rawSocket, session, type Tokens } from '../rig.ts'
import { frame, Raw, TEXT } from '../transport/raw.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

const portOf = ({ url }: Rig): number => Number(new URL(url).port)

const alive = async ({ url }: Rig): Promise<void> => {
  expect((await fetch(`${url}/auth/providers`)).status).toBeLessThan(500)
}

/** Ends in whatever way, and never with `auth_ok`. */
const ends = async (raw: Raw): Promise<string> => {
  let said = ''
  for (;;) {
    const got = await raw.frame()
    if (got === null || got.opcode === 8) return said
    said += String(got.payload)
  }
}

describeTransports('a socket', (start) => {
  const opened = async (gateway: Rig, headers = ''): Promise<Raw> => {
    const raw = await Raw.open(portOf(gateway))
    expect(await raw.upgrade('/api/websocket', headers)).toMatchObject({ status: 101 })
    await raw.frame()
    return raw
  }

  test('A1: is authenticated by no cookie, whatever page opens it', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const headers = `origin: https://evil.example\r\ncookie: access_token=${access_token}\r\nauthorization: Bearer ${access_token}\r\n`
    const raw = await opened(gateway, headers)
    raw.write(frame(TEXT, '{"type":"auth"}'))
    expect(await ends(raw)).toContain('auth_invalid')
  })

  test('A2: is not authenticated by what is left out, empty or of another kind', async () => {
    const gateway = await start()
    const outcome = async (message: unknown): Promise<number> => {
      const socket = rawSocket(gateway.url)
      await socket.next()
      socket.send(JSON.stringify(message))
      expect(await socket.next()).toMatchObject({ type: 'auth_invalid' })
      return (await socket.closed).code
    }
    for (const refused of [undefined, '']) expect(await outcome({ type: 'auth', access_token: refused })).toBe(4202)
    for (const odd of [[], {}, 0, true]) expect(await outcome({ type: 'auth', access_token: odd })).toBe(4300)
  })

  test('A7: is answered at once, whatever stands in 15 KiB of its offers', async () => {
    const gateway = await start()
    for (const filler of [' ', ',', '"', ';', '=']) {
      for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions']) {
        const raw = await Raw.open(portOf(gateway))
        const begin = performance.now()
        const answer = await raw.upgrade('/api/websocket', `${name}: a${filler.repeat(15_000)}b\r\n`)
        expect(answer === null || [101, 400].includes(answer.status)).toBe(true)
        expect(performance.now() - begin).toBeLessThan(1000)
        raw.socket.destroy()
      }
    }
    await alive(gateway)
  })

  test('A8: ends by the length that a frame announces, without its payload', async () => {
    const gateway = await start()
    for (const length of [65_537n, 2n ** 31n, 2n ** 53n]) {
      const raw = await opened(gateway)
      const head = Buffer.alloc(14)
      head.writeUInt8(0x81, 0)
      head.writeUInt8(0xff, 1)
      head.writeBigUInt64BE(length, 2)
      raw.write(head)
      await ends(raw)
      await raw.ended
    }
    await alive(gateway)
  })

  test('A9: is held to one message’s size by fragments, however small they are', async () => {
    const gateway = await start()
    const raw = await opened(gateway)
    raw.write(frame(TEXT, 'x', { final: false }))
    const piece = Buffer.concat(Array.from({ length: 1000 }, () => frame(0, 'x', { final: false })))
    for (let sent = 0; sent < 70; sent++) raw.write(piece)
    await ends(raw)
    await raw.ended
    await alive(gateway)
  })

  test('A14: ends when its message is nested too deeply or holds too many values', async () => {
    const gateway = await start({ 'limits.message_before_auth': '64KiB' })
    const nested = (depth: number): string => `{"type":"auth","x":${'['.repeat(depth)}${']'.repeat(depth)}}`
    for (const text of [nested(32), nested(10_000), `[${'0,'.repeat(10_000)}0]`]) {
      const socket = rawSocket(gateway.url)
      await socket.next()
      socket.send(text)
      expect((await socket.closed).code).toBe(4300)
      await expect(socket.next()).rejects.toThrow('before a message came')
    }
    const { access_token } = await session(gateway.url)
    const socket = await authenticated(gateway.url, access_token)
    socket.send(`{"id":1,"type":"ping","x":${'['.repeat(5000)}${']'.repeat(5000)}}`)
    expect((await socket.closed).code).toBe(4300)
  })

  test('A15: is refused keys that could change what an object is, at any depth and in any spelling', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const socket = await authenticated(gateway.url, access_token)
    let id = 0
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      id++
      socket.send(`{"id":${id},"type":"supported_features","features":{"a":{"${key}":{"x":1}}}}`)
      expect(await socket.next()).toMatchObject({ id, success: false, error: { code: 'invalid_format' } })
    }
    expect(({} as { x?: unknown }).x).toBe(undefined)
    socket.send({ id: id + 1, type: 'ping' })
    expect(await socket.next()).toEqual({ id: id + 1, type: 'pong' })
  })

  test('A17: takes the last of a key that is there twice, and no number that JavaScript cannot hold', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const socket = await authenticated(gateway.url, access_token)
    socket.send('{"id":1,"type":"make_coffee","type":"ping","id":2}')
    expect(await socket.next()).toEqual({ id: 2, type: 'pong' })
    for (const id of ['9007199254740993', '7.5', '"7"', 'true', 'null']) {
      socket.send(`{"id":${id},"type":"ping"}`)
      expect(await socket.next()).toMatchObject({ success: false, error: { code: 'invalid_format' } })
    }
    socket.send('{"id":1e999,"type":"ping"}')
    expect((await socket.closed).code).toBe(4300)
  })

  test('A22: whose session ends while it reads nothing is closed or cut, and gets nothing after that', async () => {
    const gateway = await start({ 'limits.max_message': '64KiB' })
    const tokens: Tokens = await session(gateway.url)
    const raw = await opened(gateway)
    raw.write(frame(TEXT, JSON.stringify({ type: 'auth', access_token: tokens.access_token })))
    await raw.frame()
    raw.socket.pause()
    for (let id = 1; id <= 400; id++) raw.write(frame(TEXT, JSON.stringify({ id, type: 'auth/refresh_tokens' })))
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    raw.write(frame(TEXT, '{"id":1000,"type":"ping"}'))
    raw.socket.resume()
    expect(await ends(raw)).not.toContain('"id":1000')
    raw.socket.destroy()
  })

  test('A24: is authenticated by nothing in its address, and no query is logged', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const raw = await Raw.open(portOf(gateway))
    expect(await raw.upgrade(`/api/websocket?access_token=${access_token}&token=${access_token}`)).toMatchObject({
      status: 101,
    })
    expect(String((await raw.frame())!.payload)).toContain('auth_required')
    for (const path of ['/api/', '/auth/verify']) {
      expect((await fetch(`${gateway.url}${path}?access_token=${access_token}&token=${access_token}`)).status).toBe(401)
    }
    expect(JSON.stringify(gateway.logged)).not.toContain(access_token)
    raw.socket.destroy()
  })

  test('A25: is not smuggled in behind a request that two servers would read differently', async () => {
    const gateway = await start()
    const requests = [
      'POST /auth/token HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /api/ HTTP/1.1\r\nhost: a\r\n\r\n',
      'POST /auth/token HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
      'GET /api/ HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
      'GET /api/ HTTP/1.1\r\nhost : a\r\n\r\n',
      'GET /api/ HTTP/1.1\r\nhost: a\r\nx: a\u0000b\r\n\r\n',
    ]
    const answered = async (text: string): Promise<number | undefined> => {
      const raw = await Raw.open(portOf(gateway))
      // What waits for more of a head that it cannot read is ended by the peer's end.
      raw.socket.end(text)
      const answer = await raw.answer()
      raw.socket.destroy()
      return answer?.status
    }
    expect(await answered('GET /api/ HTTP/1.1\r\nhost: a\r\n\r\n')).toBe(401)
    // No handler is reached: none answers 400 to these, and none leaves without an answer.
    for (const text of requests) expect([400, undefined], text).toContain(await answered(text))
    await alive(gateway)
  })
})
