/** Threats to tokens and to the endpoints that give them, by the rows of docs/threats.md that no other suite is about. */
import { afterEach, expect, test } from 'vitest'
import { codeDigest, isRefreshSecret, newRefreshSecret } from '../../src/auth/secrets.ts'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  logIn,
  post,
  postForm,
  type Rig,
  rawSocket,
  session,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

/** Every place that a token can be shown at; true where it opened something. */
const places = ({ url }: Rig): Readonly<Record<string, (token: string) => Promise<boolean>>> => ({
  bearer: async (token) => (await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${token}` } })).ok,
  verify: async (token) => (await fetch(`${url}/auth/verify`, { headers: { authorization: `Bearer ${token}` } })).ok,
  socket: async (token) => {
    const socket = rawSocket(url)
    await socket.next()
    socket.send({ type: 'auth', access_token: token })
    const { type } = (await socket.next()) as { type: string }
    socket.socket.terminate()
    return type === 'auth_ok'
  },
  refresh: async (token) =>
    (await postForm(`${url}/auth/token`, { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: token }))
      .ok,
  code: async (token) =>
    (await postForm(`${url}/auth/token`, { grant_type: 'authorization_code', client_id: CLIENT_ID, code: token })).ok,
  signature: async (token) => (await fetch(`${url}/api/?authSig=${token}`)).ok,
  flow: async (token) => (await post(`${url}/auth/login_flow/${token}`, { client_id: CLIENT_ID })).ok,
})

describeTransports('a token', (start) => {
  test('B8: of one kind opens nothing where another kind belongs', async () => {
    const gateway = await start()
    const { url } = gateway
    const tokens = await session(url)
    const socket = await authenticated(url, tokens.access_token)
    socket.send({ id: 1, type: 'auth/sign_path', path: '/api/' })
    const { result } = (await socket.next()) as { result: { path: string } }
    const flow = (await (
      await post(`${url}/auth/login_flow`, {
        client_id: CLIENT_ID,
        handler: ['homeassistant', null],
        redirect_uri: CLIENT_ID,
      })
    ).json()) as { flow_id: string }
    const kinds: Readonly<Record<string, readonly [token: string, opens: readonly string[]]>> = {
      access: [tokens.access_token, ['bearer', 'verify', 'socket']],
      refresh: [tokens.refresh_token, ['refresh']],
      signature: [new URL(result.path, url).searchParams.get('authSig')!, ['signature']],
      flow: [flow.flow_id, []],
      code: [await logIn(url), ['code']],
    }
    for (const [kind, [token, opens]] of Object.entries(kinds)) {
      for (const [place, show] of Object.entries(places(gateway))) {
        if (kind === 'flow' && place === 'flow') continue
        expect({ kind, place, opened: await show(token) }).toEqual({ kind, place, opened: opens.includes(place) })
      }
    }
  })

  test('B10: of more than 8,192 characters is refused before it is read', async () => {
    const gateway = await start()
    await session(gateway.url)
    for (const length of [8192, 8193, 12_000]) {
      expect(await places(gateway)['bearer']!('a'.repeat(length))).toBe(false)
      expect(await places(gateway)['socket']!('a'.repeat(length))).toBe(false)
    }
  })

  test('B13: that is no refresh token by its checksum is known as none without a look into the store', async () => {
    const secret = newRefreshSecret()
    expect(secret).toMatch(/^lk_rt_/)
    expect(isRefreshSecret(secret)).toBe(true)
    for (let at = 0; at < secret.length; at++) {
      const wrong = secret.slice(0, at) + (secret[at] === 'A' ? 'B' : 'A') + secret.slice(at + 1)
      expect(isRefreshSecret(wrong)).toBe(false)
    }
  })

  test('B21: that ended is refused at every place at once', async () => {
    const gateway = await start()
    await session(gateway.url)
    const tokens = await anotherSession(gateway.url)
    const socket = await authenticated(gateway.url, tokens.access_token)
    socket.send({ id: 1, type: 'auth/sign_path', path: '/api/' })
    const { result } = (await socket.next()) as { result: { path: string } }
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    const all = places(gateway)
    for (const place of ['bearer', 'verify', 'socket']) expect(await all[place]!(tokens.access_token)).toBe(false)
    expect(await all['refresh']!(tokens.refresh_token)).toBe(false)
    expect((await fetch(`${gateway.url}${result.path}`)).status).toBe(401)
    expect((await socket.closed).code).toBe(4200)
  })

  test('B24: of a signed path survives a restart, and dies with its grant', async () => {
    const gateway = await start()
    const tokens = await session(gateway.url)
    const socket = await authenticated(gateway.url, tokens.access_token)
    socket.send({ id: 1, type: 'auth/sign_path', path: '/api/', expires: 600 })
    const { result } = (await socket.next()) as { result: { path: string } }
    await gateway.restart()
    expect((await fetch(`${gateway.url}${result.path}`)).status).toBe(200)
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    expect((await fetch(`${gateway.url}${result.path}`)).status).toBe(401)
  })

  test('C9: code is 64 hex digits, and is kept as a hash that no other client finds', async () => {
    const gateway = await start()
    await session(gateway.url)
    const code = await logIn(gateway.url)
    expect(code).toMatch(/^[0-9a-f]{64}$/)
    const [mine, theirs] = [codeDigest(CLIENT_ID, code), codeDigest('https://example.com/other', code)]
    expect(Buffer.compare(mine, theirs)).not.toBe(0)
    await exchange(gateway.url, code)
  })

  test('C18: has the rights of its user, whatever scope is asked for', async () => {
    const gateway = await start()
    const { refresh_token } = await session(gateway.url)
    const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token, scope: 'admin' }
    const refreshed = (await (await postForm(`${gateway.url}/auth/token`, fields)).json()) as Record<string, unknown>
    expect(Object.keys(refreshed)).toEqual(['access_token', 'token_type', 'expires_in'])
  })

  test('C24: request that carries a secret is never answered with a redirect', async () => {
    const gateway = await start()
    await session(gateway.url)
    for (const path of [
      '/auth/token',
      '/auth/revoke',
      '/auth/login_flow',
      '/api/onboarding/users',
      '/auth/link_user',
    ]) {
      const { status } = await fetch(`${gateway.url}${path}`, { method: 'POST', redirect: 'manual' })
      expect(status < 300 || status >= 400, `${path}: ${status}`).toBe(true)
    }
  })

  test('C27: request is never made for a request_uri', async () => {
    const gateway = await start()
    const { createServer } = await import('node:http')
    let hits = 0
    const server = createServer((_, response) => {
      hits++
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const query = new URLSearchParams({ client_id: CLIENT_ID, request_uri: `http://127.0.0.1:${port}/x` })
    expect((await fetch(`${gateway.url}/auth/authorize?${query}`)).status).toBe(200)
    await postForm(`${gateway.url}/auth/token`, {
      grant_type: 'authorization_code',
      request_uri: `http://127.0.0.1:${port}/`,
    })
    server.close()
    expect(hits).toBe(0)
  })

  test('C29: code of a login that was to link a credential gives no tokens', async () => {
    const gateway = await start()
    await session(gateway.url)
    const flow = (await (
      await post(`${gateway.url}/auth/login_flow`, {
        client_id: CLIENT_ID,
        handler: ['homeassistant', null],
        redirect_uri: CLIENT_ID,
        type: 'link_user',
      })
    ).json()) as { flow_id: string }
    const input = { client_id: CLIENT_ID, username: 'test-user', password: 'test-pass' }
    const { result } = (await (await post(`${gateway.url}/auth/login_flow/${flow.flow_id}`, input)).json()) as {
      result: string
    }
    expect(await places(gateway)['code']!(result)).toBe(false)
  })
})
