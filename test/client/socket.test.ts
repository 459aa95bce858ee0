/** The client library against a gateway: it opens, asks, is refused, and tells how it ended. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type CommandFailed, openSocket, SocketClosed } from '../../src/client/index.ts'
import { closes } from '../../src/protocol/index.ts'
import { admit, told } from '../gateway/members.ts'
import { asker } from '../gateway/people.ts'
import {
  anotherSession,
  authenticated,
  closeRigs,
  grantOf,
  type Rig,
  type RigSettings,
  rig,
  session,
  USER,
} from '../rig.ts'

afterEach(async () => {
  vi.unstubAllGlobals()
  await closeRigs()
})

const begin = async (settings: RigSettings = {}) => {
  const gateway = await rig(settings)
  const tokens = await session(gateway.url)
  return { gateway, tokens, accessToken: tokens.access_token }
}

/** Node 20 has no WebSocket of its own. */
const open = ({ url }: Pick<Rig, 'url'>, accessToken: string) => openSocket({ url, accessToken, WebSocket: WebSocket })

const closed = (code: number, reason = '') => {
  const error = new SocketClosed(code, reason)
  return { name: 'SocketClosed', message: error.message, code, reason }
}

/** What a promise was rejected with, as plain data. */
const refusalOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => error as CommandFailed | SocketClosed,
  )
  const { name, message, code } = error
  return error instanceof SocketClosed ? { name, message, code, reason: error.reason } : { name, message, code }
}

describe('a socket that is opened', () => {
  test('is authenticated, and answers commands with what they declare', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    expect(await socket.command('ping', {})).toBeNull()
    expect(await socket.command('auth/current_user', {})).toMatchObject({ name: USER.name, is_owner: true })
    const tokens = await socket.command('auth/refresh_tokens', {})
    expect(tokens.map(({ is_current, type }) => ({ is_current, type }))).toEqual([{ is_current: true, type: 'normal' }])
    socket.close()
    expect(await socket.closed).toBeInstanceOf(SocketClosed)
  })

  test('takes the WebSocket of the platform where none is given, and an address that ends with a slash', async () => {
    const { gateway, accessToken } = await begin()
    const asked: string[] = []
    class Platform extends WebSocket {
      constructor(url: string) {
        asked.push(url)
        super(url)
      }
    }
    vi.stubGlobal('WebSocket', Platform)
    const socket = await openSocket({ url: `${gateway.url}/`, accessToken })
    expect(await socket.command('ping', {})).toBeNull()
    expect(asked).toEqual([`${gateway.url.replace('http:', 'ws:')}/api/websocket`])
    socket.close()
  })

  test('is asked for over TLS where the address says https', () => {
    const asked: string[] = []
    class Never {
      onmessage = null
      onclose = null
      onerror = null
      constructor(url: string) {
        asked.push(url)
      }
      send(): void {}
      close(): void {}
    }
    void openSocket({ url: 'https://auth.example.org', accessToken: 'x', WebSocket: Never })
    expect(asked).toEqual(['wss://auth.example.org/api/websocket'])
  })

  test('gives each of many commands at once its own answer', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    const names = Array.from({ length: 50 }, (_, i) => `script ${i}`)
    const made = await Promise.all(
      names.map((client_name) => socket.command('auth/long_lived_access_token', { client_name, lifespan: 1 })),
    )
    const listed = await socket.command('auth/refresh_tokens', {})
    const nameOf = new Map(listed.map(({ id, client_name }) => [id, client_name]))
    expect(made.map((token) => nameOf.get(grantOf(token)))).toEqual(names)
    socket.close()
  })

  test('understands several answers in one frame', async () => {
    const { gateway, accessToken } = await begin()
    const frames: string[] = []
    class Watched extends WebSocket {
      constructor(url: string) {
        super(url)
        this.on('message', (data: Buffer) => frames.push(data.toString()))
      }
    }
    const socket = await openSocket({ url: gateway.url, accessToken, WebSocket: Watched })
    await socket.command('supported_features', { features: { coalesce_messages: 1 } })
    const answers = await Promise.all([socket.command('auth/current_user', {}), socket.command('ping', {})])
    expect(answers).toMatchObject([{ name: USER.name }, null])
    // Asked in one turn; of what the server puts together one frame at least is an array.
    for (let i = 0; i < 20 && !frames.some((frame) => frame.startsWith('[')); i++) {
      await Promise.all(Array.from({ length: 20 }, () => socket.command('auth/current_user', {})))
    }
    expect(frames.some((frame) => frame.startsWith('['))).toBe(true)
    socket.close()
  })
})

describe('a socket that cannot be opened', () => {
  test.each(['', 'x', 'a.b.c'])('is refused with auth_invalid for the token %j', async (token) => {
    const { gateway } = await begin()
    expect(await refusalOf(open(gateway, token))).toEqual({
      name: 'CommandFailed',
      code: 'auth_invalid',
      message: 'Invalid access token or password',
    })
  })

  test('is refused with SocketClosed where nobody listens', async () => {
    const { gateway, accessToken } = await begin()
    await gateway.stop()
    expect(await refusalOf(open(gateway, accessToken))).toEqual(closed(1006))
  })

  test('is refused with SocketClosed where there is no such path', async () => {
    const { gateway, accessToken } = await begin()
    expect(await refusalOf(open({ url: `${gateway.url}/elsewhere` }, accessToken))).toEqual(closed(1006))
  })
})

describe('a command that is refused', () => {
  test('is rejected with the code and the sentence of the server, and the socket goes on', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    const refused = [
      [
        socket.command('auth/delete_refresh_token', { refresh_token_id: 'nope' }),
        { name: 'CommandFailed', code: 'invalid_token_id', message: 'Received invalid token' },
      ],
      [
        socket.command('auth/long_lived_access_token', { client_name: 'x', lifespan: 0 }),
        { name: 'CommandFailed', code: 'invalid_format', message: "value is too small @ data['lifespan']" },
      ],
      [
        socket.command('no such command' as 'ping', {}),
        { name: 'CommandFailed', code: 'unknown_command', message: 'Unknown command.' },
      ],
      [
        socket.command('config/auth/delete', { user_id: 'nope' }),
        { name: 'CommandFailed', code: 'not_found', message: 'User not found' },
      ],
    ] as const
    for (const [answer, wanted] of refused) expect(await refusalOf(answer)).toEqual(wanted)
    expect(await socket.command('ping', {})).toBeNull()
    socket.close()
  })

  test('cannot pass for another by fields that are named like its own', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    expect(await socket.command('ping', { id: 999, type: 'auth/delete_all_refresh_tokens' } as never)).toBeNull()
    expect(await socket.command('ping', {})).toBeNull()
    socket.close()
  })
})

describe('a subscription that the server has ended', () => {
  test('can be ended once more, as the application may not know', async () => {
    const { gateway, accessToken } = await begin()
    const raw = await authenticated(gateway.url, accessToken)
    const owner = asker(raw)
    const adm = await admit(gateway, owner, 'adm', ['system-admin'])
    const token = (await told(adm.ask, 'auth/long_lived_access_token', { client_name: 'x', lifespan: 1 })) as string
    const socket = await open(gateway, token)
    const stop = await socket.subscribe('config/auth/subscribe', {}, () => undefined)
    const later = await socket.subscribe('auth/subscribe', {}, () => undefined)
    await adm.put(['system-users'])
    expect(await socket.command('unsubscribe_events', { subscription: 1 }).catch(({ code }) => code)).toBe('not_found')
    await stop()
    await told(owner, 'config/auth/revoke', { user_id: adm.id })
    await socket.closed
    expect(await refusalOf(socket.command('ping', {}))).toEqual(closed(4200))
    // With the socket it is over too.
    await later()
  })
})

describe('a socket that ends', () => {
  test('tells that its session was revoked, after the answer to the command that did it', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    const answer = await socket.command('auth/delete_refresh_token', { refresh_token_id: grantOf(accessToken) })
    expect(answer).toEqual({})
    expect({ ...(await socket.closed) }).toMatchObject({ code: closes.revoked.code, reason: '' })
    expect(await refusalOf(socket.command('ping', {}))).toEqual(closed(4200))
  })

  test('rejects what was still waiting for an answer, with the code of the close', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    const other = await open(gateway, (await anotherSession(gateway.url)).access_token)
    const grant = { refresh_token_id: grantOf(accessToken) }
    const ended = other.command('auth/delete_refresh_token', grant)
    // Whatever is asked while the session ends is answered or rejected; none is left waiting.
    const asked: Promise<unknown>[] = []
    let open_ = true
    void socket.closed.then(() => {
      open_ = false
    })
    while (open_) {
      asked.push(socket.command('auth/current_user', {}).catch((error: unknown) => error))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await ended).toEqual({})
    const rejected = (await Promise.all(asked)).filter((answer) => answer instanceof Error)
    expect(rejected.length).toBeGreaterThan(0)
    for (const error of rejected) expect(error).toMatchObject(closed(4200))
    other.close()
  })

  test('tells that the server restarts, and after how long to come back', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    await gateway.stop()
    const { code, reason } = await socket.closed
    expect(code).toBe(closes.restarting.code)
    expect(JSON.parse(reason)).toEqual({ after_ms: expect.any(Number) })
  })

  test('tells 1000 alone where the server keeps to plain codes', async () => {
    const { gateway, accessToken } = await begin({ 'home_assistant.plain_close': 'true' })
    const socket = await open(gateway, accessToken)
    await socket.command('auth/delete_refresh_token', { refresh_token_id: grantOf(accessToken) })
    expect((await socket.closed).code).toBe(1000)
  })

  test('by its own hand takes no more commands', async () => {
    const { gateway, accessToken } = await begin()
    const socket = await open(gateway, accessToken)
    socket.close()
    const { code } = await socket.closed
    expect(await refusalOf(socket.command('ping', {}))).toEqual(closed(code))
  })
})

test('for every close code there is one thing that a client does next', () => {
  const next = Object.values(closes).map(({ code, next }) => [code, next])
  expect(new Map(next as [number, string][]).size).toBe(next.length)
  expect(Object.fromEntries(next)).toEqual({
    1003: 'stop',
    1009: 'stop',
    4000: 'reconnect',
    4001: 'reconnect',
    4002: 'reconnect',
    4100: 'refresh',
    4101: 'reconnect',
    4200: 'login',
    4201: 'login',
    4202: 'refresh',
    4203: 'login',
    4300: 'stop',
    4301: 'stop',
    4302: 'stop',
  })
})
