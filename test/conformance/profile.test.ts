/** Cases 137 to 149: the commands about one's own account. */
import { expect, test } from 'vitest'
import { type Commands, describeServers, type Tokens } from './server.ts'

interface Listed {
  readonly id: string
  readonly type: string
  readonly is_current: boolean
  readonly client_name: string | null
  readonly expire_at: string | null
}

describeServers('one’s own account', (server) => {
  const claims = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iss: string; iat: number; exp: number }

  const list = async (socket: Commands): Promise<Listed[]> =>
    (await socket.command('auth/refresh_tokens')).result as Listed[]

  const longLived = (socket: Commands, client_name: string, lifespan = 365) =>
    socket.command('auth/long_lived_access_token', { client_name, lifespan })

  /** A user with three sessions and a long-lived token, on the socket of the first one. */
  const busy = async (): Promise<{ socket: Commands; tokens: Tokens }> => {
    const { tokens, login } = await server().user()
    await server().session(login)
    await server().session(login)
    const socket = await server().authenticated(tokens.access_token)
    expect(await longLived(socket, 'a script')).toMatchObject({ success: true })
    return { socket, tokens }
  }
  const types = async (socket: Commands): Promise<string[]> => (await list(socket)).map(({ type }) => type).sort()

  test('137: who one is', async () => {
    const socket = await server().authenticated()
    const { result } = await socket.command('auth/current_user')
    expect(result).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: 'Test User',
      is_owner: true,
      is_admin: true,
      credentials: [{ auth_provider_type: 'homeassistant', auth_provider_id: null }],
    })
    expect(Object.keys(result as object)).toEqual(['id', 'name', 'is_owner', 'is_admin', 'credentials', 'mfa_modules'])
  })

  test('138: a long-lived token is good on a socket and over HTTP', async () => {
    const socket = await server().authenticated()
    const { result } = await longLived(socket, `script ${Math.random()}`)
    expect(await server().bearer(result as string)).toBe(200)
    await server().authenticated(result as string)
  })

  test.each([300, 3000])('139: a long-lived token of %i days', async (days) => {
    const socket = await server().authenticated()
    const { result } = await longLived(socket, `script ${Math.random()}`, days)
    const { iat, exp } = claims(result as string)
    expect(exp - iat).toBe(days * 86_400)
  })

  test.each([0, -1, 1.5, '1', null])('139: a lifespan of %o', async (lifespan) => {
    const socket = await server().authenticated()
    const answer = await socket.command('auth/long_lived_access_token', { client_name: `${Math.random()}`, lifespan })
    const whole = Number.isInteger(lifespan)
    if (whole && server().differs('lifespans', true, false)) expect(answer.success).toBe(true)
    else expect(answer).toMatchObject({ error: { code: 'invalid_format' } })
  })

  test('140: the name of a long-lived token is taken until the token is deleted, and the old one stays dead', async () => {
    const socket = await server().authenticated()
    const name = `script ${Math.random()}`
    const first = (await longLived(socket, name)).result as string
    expect(await longLived(socket, name)).toMatchObject({ error: { code: 'unknown_error', message: 'Unknown error' } })
    await socket.command('auth/delete_refresh_token', { refresh_token_id: claims(first).iss })
    const second = (await longLived(socket, name)).result as string
    expect(await server().bearer(first)).toBe(401)
    expect(await server().bearer(second)).toBe(200)
  })

  test('141: one’s own refresh tokens', async () => {
    const { socket, tokens } = await busy()
    const all = await list(socket)
    expect(all).toHaveLength(4)
    expect(all.map(({ is_current }) => is_current).filter(Boolean)).toHaveLength(1)
    const current = all.find(({ is_current }) => is_current)!
    expect(current).toEqual({
      auth_provider_type: 'homeassistant',
      client_icon: null,
      client_id: 'https://example.com/app',
      client_name: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*(?:\+00:00|Z)$/),
      expire_at: expect.any(String),
      id: claims(tokens.access_token).iss,
      is_current: true,
      last_used_at: expect.any(String),
      last_used_ip: '127.0.0.1',
      type: 'normal',
    })
    expect(Object.keys(current)).toEqual(Object.keys(current).sort())
    expect(all.find(({ type }) => type === 'long_lived_access_token')).toMatchObject({
      auth_provider_type: null,
      client_id: null,
      client_name: 'a script',
    })
  })

  test('142: deleting one of one’s own ends it and its sockets', async () => {
    const { tokens, login } = await server().user()
    const other = await server().session(login)
    const ended = await server().authenticated(other.access_token)
    const socket = await server().authenticated(tokens.access_token)
    const answer = await socket.command('auth/delete_refresh_token', {
      refresh_token_id: claims(other.access_token).iss,
    })
    expect(answer).toMatchObject({ success: true, result: {} })
    expect((await ended.closed).code).toBe(server().close(4200))
    expect(await server().bearer(other.access_token)).toBe(401)
    expect((await server().refresh(other.refresh_token)).status).toBe(400)
    expect(await socket.command('ping')).toMatchObject({ type: 'pong' })
  })

  test('142: deleting the one that is asking', async () => {
    const { tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    socket.send({ id: 1, type: 'auth/delete_refresh_token', refresh_token_id: claims(tokens.access_token).iss })
    if (server().differs('deleting one’s own session', true, false)) await expect(socket.next()).rejects.toThrow()
    else expect(await socket.next()).toEqual({ id: 1, type: 'result', success: true, result: {} })
    expect((await socket.closed).code).toBe(server().close(4200))
  })

  test('143: an unknown token, and another user’s', async () => {
    const { tokens } = await server().user()
    const socket = await server().authenticated()
    for (const refresh_token_id of ['unknown', claims(tokens.access_token).iss]) {
      expect(await socket.command('auth/delete_refresh_token', { refresh_token_id })).toMatchObject({
        error: { code: 'invalid_token_id', message: 'Received invalid token' },
      })
    }
    expect(await server().bearer(tokens.access_token)).toBe(200)
  })

  test('144: deleting all', async () => {
    const { socket, tokens } = await busy()
    expect(await socket.command('auth/delete_all_refresh_tokens')).toMatchObject({ success: true, result: {} })
    expect((await socket.closed).code).toBe(server().close(4200))
    expect((await server().refresh(tokens.refresh_token)).status).toBe(400)
  })

  test('145: deleting all long-lived ones', async () => {
    const { socket } = await busy()
    await socket.command('auth/delete_all_refresh_tokens', { token_type: 'long_lived_access_token' })
    expect(await types(socket)).toEqual(['normal', 'normal', 'normal'])
  })

  test('146: deleting all but the one that is asking', async () => {
    const { socket } = await busy()
    await socket.command('auth/delete_all_refresh_tokens', { delete_current_token: false })
    expect(await list(socket)).toMatchObject([{ is_current: true }])
  })

  test('147: deleting all normal ones but the one that is asking', async () => {
    const { socket } = await busy()
    const fields = { token_type: 'normal', delete_current_token: false }
    expect(await socket.command('auth/delete_all_refresh_tokens', fields)).toMatchObject({ result: {} })
    expect(await types(socket)).toEqual(['long_lived_access_token', 'normal'])
  })

  test('149: letting a token end when it is not used, or never', async () => {
    const { tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    const refresh_token_id = claims(tokens.access_token).iss
    const set = (enable_expiry: boolean, id = refresh_token_id) =>
      socket.command('auth/refresh_token_set_expiry', { refresh_token_id: id, enable_expiry })
    expect(await set(false)).toMatchObject({ success: true, result: {} })
    expect(await list(socket)).toMatchObject([{ expire_at: null }])
    expect(await set(true)).toMatchObject({ success: true, result: {} })
    const [{ expire_at }] = (await list(socket)) as [Listed]
    const days = (Date.parse(expire_at!) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(89)
    expect(days).toBeLessThanOrEqual(90.01)
    expect(await set(true, 'unknown')).toMatchObject({ error: { code: 'invalid_token_id' } })
  })
})
