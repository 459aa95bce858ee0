/** Logging in, refreshing and renewing on one socket. */
import { afterEach, expect, test } from 'vitest'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  onboard,
  postForm,
  type RawSocket,
  REDIRECT_URI,
  rawSocket,
  rig,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, makeUser } from './people.ts'

afterEach(closeRigs)

const MINUTE = 60_000

interface Answered<T> {
  readonly id: number
  readonly success: boolean
  readonly result: T
  readonly error?: { readonly code: string; readonly message: string }
}

interface Step {
  readonly type: string
  readonly flow_id: string
  readonly result?: string
  readonly errors?: { readonly base?: string }
}

/** A socket that has heard `auth_required` and nothing else. */
const opened = async (url: string, headers: Record<string, string> = {}): Promise<{ raw: RawSocket; ask: Ask }> => {
  const raw = rawSocket(url, headers)
  expect(await raw.next()).toMatchObject({ type: 'auth_required' })
  return { raw, ask: asker(raw) }
}

const begin = (ask: Ask, fields: object = {}) =>
  ask('auth/login_flow', {
    client_id: CLIENT_ID,
    handler: ['homeassistant', null],
    redirect_uri: REDIRECT_URI,
    ...fields,
  }) as Promise<Answered<Step>>

const enter = (ask: Ask, flow_id: string, password = USER.password) =>
  ask('auth/login_flow/step', { flow_id, user_input: { username: USER.username, password } }) as Promise<Answered<Step>>

const refreshing = (refresh_token: string) => ({ grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token })

const AUTH_OK = { type: 'auth_ok', ha_version: expect.any(String) }
const ME = { success: true, result: { name: USER.name } }

describeTransports('a socket that is not authenticated', (start) => {
  test('logs in, gets its tokens and goes on authenticated, without any HTTP', async () => {
    const gateway = await start()
    await onboard(gateway.url)
    const { raw, ask } = await opened(gateway.url)
    expect(await ask('ping')).toEqual({ id: 1, type: 'pong' })
    expect(await ask('auth/providers')).toMatchObject({
      result: { providers: [{ type: 'homeassistant', id: null }], preselect_remember_me: true },
    })
    const { result: form } = await begin(ask)
    expect(form).toMatchObject({ type: 'form', step_id: 'init', errors: {} })
    expect((await enter(ask, form.flow_id, 'wrong')).result).toMatchObject({ errors: { base: 'invalid_auth' } })
    const { result: done } = await enter(ask, form.flow_id)
    expect(done).toMatchObject({ type: 'create_entry', result: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: done.result, authenticate: true }
    expect(await ask('auth/token', fields)).toMatchObject({
      success: true,
      result: { token_type: 'Bearer', expires_in: 1800, refresh_token: expect.stringMatching(/^lk_rt_/) },
    })
    expect(await raw.next()).toEqual(AUTH_OK)
    expect(await ask('auth/current_user')).toMatchObject({ id: 7, ...ME })
  })

  test('is refreshed and authenticated in one breath, with what follows', async () => {
    const gateway = await start()
    const { access_token, refresh_token } = await session(gateway.url)
    const { raw } = await opened(gateway.url)
    raw.send({ id: 1, type: 'auth/token', ...refreshing(refresh_token), authenticate: true })
    raw.send({ id: 2, type: 'auth/current_user' })
    raw.send({ id: 3, type: 'ping' })
    const { result } = (await raw.next()) as Answered<{ access_token: string; refresh_token?: string }>
    expect(grantOf(result.access_token)).toBe(grantOf(access_token))
    expect(result.refresh_token).toBe(undefined)
    expect(await raw.next()).toEqual(AUTH_OK)
    const rest = [await raw.next(), await raw.next()]
    expect(rest).toContainEqual({ id: 3, type: 'pong' })
    expect(rest).toContainEqual(expect.objectContaining({ id: 2, success: true }))
    await postForm(`${gateway.url}/auth/revoke`, { token: refresh_token })
    expect((await raw.closed).code).toBe(4200)
  })

  test('is told why there is no token, and may go on', async () => {
    const gateway = await start()
    const { access_token, refresh_token } = await session(gateway.url)
    const { raw, ask } = await opened(gateway.url)
    const refused = async (fields: object) => ((await ask('auth/token', fields)) as Answered<never>).error
    for (const authenticate of [true, false, null]) {
      expect(await refused({ ...refreshing('wrong'), authenticate })).toMatchObject({ code: 'invalid_grant' })
      expect(
        await refused({ ...refreshing(refresh_token), client_id: 'https://b.example/', authenticate }),
      ).toMatchObject({ code: 'invalid_request' })
      expect(await refused({ grant_type: 'password', authenticate })).toMatchObject({ code: 'unsupported_grant_type' })
      const code = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: 'x', authenticate }
      expect(await refused(code)).toEqual({ code: 'invalid_request', message: 'Invalid code' })
    }
    raw.send({ type: 'auth', access_token })
    expect(await raw.next()).toEqual(AUTH_OK)
  })

  test('hears what waited behind a refused token in its order', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const { raw } = await opened(gateway.url)
    raw.send({ id: 1, type: 'auth/token', ...refreshing('wrong'), authenticate: true })
    raw.send({ id: 2, type: 'ping' })
    raw.send({ type: 'auth', access_token })
    raw.send({ id: 3, type: 'ping' })
    expect(await raw.next()).toMatchObject({ id: 1, error: { code: 'invalid_grant' } })
    expect(await raw.next()).toEqual({ id: 2, type: 'pong' })
    expect(await raw.next()).toEqual(AUTH_OK)
    expect(await raw.next()).toEqual({ id: 3, type: 'pong' })
  })

  test('counts its ids through authentication', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const { raw, ask } = await opened(gateway.url)
    await ask('ping')
    raw.send({ id: 1, type: 'ping' })
    expect(await raw.next()).toMatchObject({ id: 1, error: { code: 'id_reuse' } })
    raw.send({ type: 'auth', access_token })
    expect(await raw.next()).toEqual(AUTH_OK)
    raw.send({ id: 1, type: 'ping' })
    expect(await raw.next()).toMatchObject({ id: 1, error: { code: 'id_reuse' } })
  })

  test('may end a session by its token, and needs nothing else for it', async () => {
    const gateway = await start()
    const tokens = await session(gateway.url)
    const victim = await authenticated(gateway.url, tokens.access_token)
    const { ask } = await opened(gateway.url)
    expect(await ask('auth/revoke', { token: 'unknown' })).toMatchObject({ success: true, result: null })
    expect(await ask('auth/revoke', { token: tokens.refresh_token })).toMatchObject({ success: true, result: null })
    expect((await victim.closed).code).toBe(4200)
  })

  test('has the time of its login, then ten seconds, and however many logins no more than one may take', async () => {
    const gateway = await start()
    const { clock, url } = gateway
    await onboard(url)
    const { raw, ask } = await opened(url)
    const { result: first } = await begin(ask)
    clock.move(9 * MINUTE)
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
    expect(await ask('auth/login_flow/abort', { flow_id: first.flow_id })).toMatchObject({ result: null })
    clock.move(5000)
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
    await begin(ask)
    clock.move(MINUTE - 6000)
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
    clock.move(2000)
    expect((await raw.closed).code).toBe(4101)

    const other = await opened(url)
    const { result: form } = await begin(other.ask)
    clock.move(MINUTE)
    expect((await enter(other.ask, form.flow_id)).result.type).toBe('create_entry')
    clock.move(10_250)
    expect((await other.raw.closed).code).toBe(4101)
  })

  test('cannot go on with the login of another socket or of a page', async () => {
    const gateway = await start()
    await onboard(gateway.url)
    const [mine, theirs] = [await opened(gateway.url), await opened(gateway.url)]
    const { result: form } = await begin(mine.ask)
    const unknown = { success: false, error: { code: 'not_found', message: 'Invalid flow specified' } }
    expect(await enter(theirs.ask, form.flow_id)).toMatchObject(unknown)
    expect(await theirs.ask('auth/login_flow/abort', { flow_id: form.flow_id })).toMatchObject(unknown)
    expect((await enter(mine.ask, form.flow_id)).result.type).toBe('create_entry')
    expect(await enter(mine.ask, form.flow_id)).toMatchObject(unknown)
  })

  test('opened by a page of another origin cannot log anybody in, but may bring a token (A1, C12)', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    for (const origin of ['https://evil.example', 'null', `${gateway.url}.evil.example`]) {
      const { raw, ask } = await opened(gateway.url, { origin })
      const unauthorized = { success: false, error: { code: 'unauthorized', message: 'Unauthorized' } }
      expect(await begin(ask)).toMatchObject(unauthorized)
      expect(await enter(ask, 'x')).toMatchObject(unauthorized)
      expect(await ask('auth/login_flow/abort', { flow_id: 'x' })).toMatchObject(unauthorized)
      raw.send({ type: 'auth', access_token })
      expect(await raw.next()).toEqual(AUTH_OK)
    }
    const { ask } = await opened(gateway.url, { origin: gateway.url })
    expect(await begin(ask)).toMatchObject({ success: true })
  })

  test('is told in words what stands in the way of a login', async () => {
    const gateway = await start({ 'limits.login_flows.per_address': '1' })
    await onboard(gateway.url)
    const { ask } = await opened(gateway.url)
    const error = async (answer: Promise<unknown>) => ((await answer) as Answered<never>).error
    expect(await error(begin(ask, { client_id: 'x' }))).toEqual({
      code: 'invalid_format',
      message: 'Invalid client id',
    })
    expect(await error(begin(ask, { handler: ['ldap', null] }))).toEqual({
      code: 'not_found',
      message: 'Invalid handler specified',
    })
    expect(await error(begin(ask, { redirect_uri: 'javascript:1' }))).toEqual({
      code: 'not_allowed',
      message: 'Invalid redirect URI',
    })
    expect(await error(begin(ask, { code_challenge: 'x', code_challenge_method: 'plain' }))).toEqual({
      code: 'invalid_format',
      message: 'Invalid code challenge',
    })
    // Without a redirect address the code is for this socket's client alone.
    const { result: form } = await begin(ask, { redirect_uri: null })
    const input = { flow_id: form.flow_id, user_input: { username: USER.username } }
    expect(await error(ask('auth/login_flow/step', input))).toEqual({
      code: 'invalid_format',
      message: 'User input malformed',
    })
    expect((await enter(ask, form.flow_id, 'wrong')).success).toBe(true)
    expect(await error(begin(ask))).toMatchObject({ code: 'overloaded', message: 'Too many logins are open' })
    expect((await enter(ask, form.flow_id)).result.type).toBe('create_entry')
  })
})

describeTransports('an authenticated socket', (start) => {
  test('goes on with another session of its user, and lives and dies with that', async () => {
    const gateway = await start()
    const first = await session(gateway.url)
    const second = await anotherSession(gateway.url)
    const raw = await authenticated(gateway.url, first.access_token)
    const ask = asker(raw)
    expect(await ask('auth/renew', { access_token: second.access_token })).toMatchObject({
      success: true,
      result: { expires_in: expect.toSatisfy((seconds: number) => seconds > 1790 && seconds <= 1800) },
    })
    await postForm(`${gateway.url}/auth/revoke`, { token: first.refresh_token })
    expect(await ask('auth/current_user')).toMatchObject(ME)
    const { result } = (await ask('auth/refresh_tokens')) as Answered<{ id: string; is_current: boolean }[]>
    expect(result.filter(({ is_current }) => is_current).map(({ id }) => id)).toEqual([grantOf(second.access_token)])
    await postForm(`${gateway.url}/auth/revoke`, { token: second.refresh_token })
    expect((await raw.closed).code).toBe(4200)
  })

  test('is renewed by its refresh token while commands are under way, again and again', async () => {
    const gateway = await start()
    const { access_token, refresh_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    for (let id = 1; id <= 30; id += 3) {
      raw.send({ id, type: 'auth/current_user' })
      raw.send({ id: id + 1, type: 'auth/token', ...refreshing(refresh_token), authenticate: true })
      raw.send({ id: id + 2, type: 'auth/current_user' })
      const answers = [await raw.next(), await raw.next(), await raw.next()] as Answered<unknown>[]
      expect(answers.map(({ id, success }) => [id, success]).sort()).toEqual(
        [id, id + 1, id + 2].map((id) => [id, true]).sort(),
      )
      gateway.clock.move(MINUTE)
    }
  })

  test('cannot become another user’s, by whatever token', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    const ask = asker(raw)
    await makeUser(ask, 'bob', 'bob-pass')
    const code = await logIn(gateway.url, CLIENT_ID, undefined, { name: 'Bob', username: 'bob', password: 'bob-pass' })
    const bob = await exchange(gateway.url, code)
    const mismatch = { success: false, error: { code: 'identity_mismatch' } }
    expect(await ask('auth/renew', { access_token: bob.access_token })).toMatchObject(mismatch)
    expect(await ask('auth/token', { ...refreshing(bob.refresh_token), authenticate: true })).toMatchObject(mismatch)
    for (const token of ['', 'x', `${access_token}x`, bob.refresh_token]) {
      expect(await ask('auth/renew', { access_token: token })).toMatchObject({
        success: false,
        error: { code: 'invalid_access_token', message: 'Invalid access token or password' },
      })
    }
    expect(await ask('auth/current_user')).toMatchObject(ME)
  })

  test('that is revoked while it renews ends, whichever comes first', async () => {
    const gateway = await start()
    for (let round = 0; round < 20; round++) {
      const first = round === 0 ? await session(gateway.url) : await anotherSession(gateway.url)
      const second = await anotherSession(gateway.url)
      const raw = await authenticated(gateway.url, first.access_token)
      raw.send({ id: 1, type: 'auth/renew', access_token: second.access_token })
      await Promise.all([
        postForm(`${gateway.url}/auth/revoke`, { token: second.refresh_token }),
        postForm(`${gateway.url}/auth/revoke`, { token: first.refresh_token }),
      ])
      expect((await raw.closed).code).toBe(4200)
    }
  })
})

test('guesses at renewal count like guesses at authentication', async () => {
  const gateway = await rig({ 'server.trusted_proxies': '127.0.0.1', 'security.bans.failures': '3' })
  const { access_token } = await session(gateway.url)
  const headers = { 'x-forwarded-for': '203.0.113.7' }
  const { raw, ask } = await opened(gateway.url, headers)
  raw.send({ type: 'auth', access_token })
  expect(await raw.next()).toEqual(AUTH_OK)
  for (let i = 0; i < 3; i++) await ask('auth/renew', { access_token: `guess-${i}` })
  await expect.poll(async () => (await fetch(`${gateway.url}/auth/providers`, { headers })).status).toBe(403)
  expect(await ask('ping')).toMatchObject({ type: 'pong' })
})
