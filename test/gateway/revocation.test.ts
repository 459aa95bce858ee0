/** Revocation reaches live sockets: all of the grant, none of another, and nothing in between gets through. */
import { afterEach, expect, test } from 'vitest'
import {
  anotherSession,
  authenticated,
  closeRigs,
  grantOf,
  postForm,
  type RawSocket,
  type Rig,
  rawSocket,
  session,
  type Tokens,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

const bearer = async ({ url }: Rig, { access_token }: Tokens): Promise<number> =>
  (await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${access_token}` } })).status

/** A socket that says what happened to it: every message until its close. */
const record = (socket: RawSocket): Promise<{ messages: unknown[]; code: number }> => {
  const messages: unknown[] = []
  socket.socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  return socket.closed.then(({ code }) => ({ messages, code }))
}

describeTransports('revocation', (start) => {
  test('all sockets of the grant close with 4200, and those of the user’s other sessions go on', async () => {
    const gateway = await start()
    const [ended, kept] = [await session(gateway.url), await anotherSession(gateway.url)]
    const ending = await Promise.all([1, 2, 3].map(() => authenticated(gateway.url, ended.access_token)))
    const staying = await authenticated(gateway.url, kept.access_token)
    expect((await postForm(`${gateway.url}/auth/revoke`, { token: ended.refresh_token })).status).toBe(200)
    for (const { closed } of ending) expect(await closed).toEqual({ code: 4200, reason: '' })
    staying.send({ id: 1, type: 'ping' })
    expect(await staying.next()).toEqual({ id: 1, type: 'pong' })
    expect([await bearer(gateway, ended), await bearer(gateway, kept)]).toEqual([401, 200])
  })

  test('from the moment of the answer no door is open: HTTP, socket and refresh (B21)', async () => {
    const gateway = await start()
    await session(gateway.url)
    for (let round = 0; round < 20; round++) {
      const tokens = await anotherSession(gateway.url)
      // Known and warm when it is revoked.
      expect(await bearer(gateway, tokens)).toBe(200)
      await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
      const [http, socket, refreshed] = await Promise.all([
        bearer(gateway, tokens),
        authenticated(gateway.url, tokens.access_token).catch((error: Error) => error.message),
        postForm(`${gateway.url}/auth/token`, {
          grant_type: 'refresh_token',
          client_id: 'https://example.com/app',
          refresh_token: tokens.refresh_token,
        }),
      ])
      expect(http).toBe(401)
      expect(socket).toMatch(/auth_invalid/)
      expect(refreshed.status).toBe(400)
    }
  })

  test('sockets that authenticate while the session is revoked are refused, or are in and then closed', async () => {
    const gateway = await start()
    await session(gateway.url)
    let [refused, closed] = [0, 0]
    for (let round = 0; round < 10; round++) {
      const tokens = await anotherSession(gateway.url)
      const sockets = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const socket = rawSocket(gateway.url)
          await socket.next()
          return socket
        }),
      )
      const ends = sockets.map(record)
      const say = (some: readonly RawSocket[]): void => {
        for (const socket of some) socket.send({ type: 'auth', access_token: tokens.access_token })
      }
      say(sockets.slice(0, 4))
      const revoked = postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
      say(sockets.slice(4))
      await revoked
      for (const { messages, code } of await Promise.all(ends)) {
        const [first] = messages as [{ type: string }]
        if (first.type === 'auth_ok') {
          expect({ messages, code }).toMatchObject({ messages: [{ type: 'auth_ok' }], code: 4200 })
          closed++
        } else {
          expect({ messages, code }).toMatchObject({ messages: [{ type: 'auth_invalid' }], code: 4202 })
          refused++
        }
      }
    }
    expect(refused + closed).toBe(80)
  })

  test('a command of a session that ends at the same time makes nothing that outlives it', async () => {
    const gateway = await start()
    const admin = await authenticated(gateway.url, (await session(gateway.url)).access_token)
    let id = 0
    const names = async (): Promise<(string | null)[]> => {
      admin.send({ id: ++id, type: 'auth/refresh_tokens' })
      const { result } = (await admin.next()) as { result: { client_name: string | null }[] }
      return result.map(({ client_name }) => client_name)
    }
    for (let round = 0; round < 10; round++) {
      const tokens = await anotherSession(gateway.url)
      const socket = await authenticated(gateway.url, tokens.access_token)
      const end = record(socket)
      const make = { type: 'auth/long_lived_access_token', client_name: `made ${round}`, lifespan: 1 }
      const revoke = postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
      socket.send({ id: 1, ...make })
      await revoke
      const { messages, code } = await end
      expect(code).toBe(4200)
      // Told that it was made, it was; not told, it may have been made before the end, and is then in the list.
      const told = (messages as { success: boolean }[]).some(({ success }) => success)
      if (told) expect(await names()).toContain(make.client_name)
      const late = await authenticated(gateway.url, tokens.access_token).catch(() => null)
      expect(late).toBe(null)
    }
  })

  test('what one asks of one’s own session is answered, then the socket closes, and nothing else is answered', async () => {
    const gateway = await start()
    const tokens = await session(gateway.url)
    const socket = await authenticated(gateway.url, tokens.access_token)
    const end = record(socket)
    socket.send([
      { id: 1, type: 'auth/delete_refresh_token', refresh_token_id: grantOf(tokens.access_token) },
      { id: 2, type: 'auth/refresh_tokens' },
    ])
    const { messages, code } = await end
    expect(code).toBe(4200)
    expect(messages.filter((message) => (message as { id: number }).id === 1)).toEqual([
      { id: 1, type: 'result', success: true, result: {} },
    ])
  })

  test('a crowd of sockets is ended whole, and others are served meanwhile', async () => {
    const gateway = await start({ 'limits.unauthenticated_sockets.per_address': '1000' })
    const [ended, kept] = [await session(gateway.url), await anotherSession(gateway.url)]
    const crowd = await Promise.all(Array.from({ length: 600 }, () => authenticated(gateway.url, ended.access_token)))
    const other = await authenticated(gateway.url, kept.access_token)
    const revoked = postForm(`${gateway.url}/auth/revoke`, { token: ended.refresh_token })
    other.send({ id: 1, type: 'ping' })
    expect(await other.next()).toEqual({ id: 1, type: 'pong' })
    await revoked
    const codes = await Promise.all(crowd.map(async ({ closed }) => (await closed).code))
    expect(new Set(codes)).toEqual(new Set([4200]))
  })

  test('with plain_close everything closes with 1000', async () => {
    const gateway = await start({ 'home_assistant.plain_close': 'true' })
    const tokens = await session(gateway.url)
    const socket = await authenticated(gateway.url, tokens.access_token)
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    expect((await socket.closed).code).toBe(1000)
  })
})
