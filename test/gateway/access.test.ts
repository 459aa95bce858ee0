/** When a session is over, and from where a local user may act: one rule at every door. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  logIn,
  post,
  postForm,
  REDIRECT_URI,
  rawSocket,
  rig,
  session,
  type Tokens,
} from '../rig.ts'

afterEach(closeRigs)

const DAY = 86_400_000
const HOME = { 'x-forwarded-for': '192.168.1.9' }
const AWAY = { 'x-forwarded-for': '203.0.113.9' }

const refresh = async (url: string, { refresh_token }: Tokens, headers: Record<string, string> = {}) => {
  const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
  const response = await postForm(`${url}/auth/token`, fields, headers)
  return [response.status, await response.json()] as const
}

const bearer = async (url: string, accessToken: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}/api/`, { headers: { ...headers, authorization: `Bearer ${accessToken}` } })
  return response.status
}

describe('a session that was not used for its idle time', () => {
  const LONG = { 'tokens.access_token_lifetime': '1d', 'tokens.refresh_token_idle': '1h' }

  /** Past its end, and not removed yet: what has expired is looked for once a minute, last at the sixtieth second. */
  const overButThere = async () => {
    const { url, clock } = await rig({ ...LONG, 'tokens.refresh_token_idle': '100s' })
    const tokens = await session(url)
    clock.move(60_001)
    expect(await bearer(url, tokens.access_token)).toBe(200)
    clock.move(40_500)
    return { url, tokens }
  }

  test('refreshes no more, although nothing has removed it yet', async () => {
    const { url, tokens } = await overButThere()
    expect(await refresh(url, tokens)).toEqual([400, { error: 'invalid_grant' }])
  })

  test('takes its access tokens with it, those that were seen before too', async () => {
    const { url, tokens } = await overButThere()
    expect(await bearer(url, tokens.access_token)).toBe(401)
  })

  test('is over after ninety days, counted from its last use (B7)', async () => {
    const { url, clock } = await rig()
    const tokens = await session(url)
    clock.move(90 * DAY - 60_000)
    expect((await refresh(url, tokens))[0]).toBe(200)
    clock.move(90 * DAY - 60_000)
    expect((await refresh(url, tokens))[0]).toBe(200)
    clock.move(90 * DAY)
    expect(await refresh(url, tokens)).toEqual([400, { error: 'invalid_grant' }])
  })

  test('lives on where it was used meanwhile', async () => {
    const { url, clock } = await rig(LONG)
    const tokens = await session(url)
    expect(await bearer(url, tokens.access_token)).toBe(200)
    clock.move(1_800_000)
    expect((await refresh(url, tokens))[0]).toBe(200)
    // The use is written a second later.
    clock.move(1000)
    clock.move(1_799_000)
    expect(await bearer(url, tokens.access_token)).toBe(200)
  })

  test('has no end that was taken away, be it used in the same second', async () => {
    const { url, clock } = await rig()
    const tokens = await session(url)
    const socket = await authenticated(url, tokens.access_token)
    socket.send({ id: 1, type: 'auth/refresh_tokens' })
    const { result } = (await socket.next()) as { result: { id: string; expire_at: string | null }[] }
    expect(result[0]!.expire_at).not.toBeNull()
    expect((await refresh(url, tokens))[0]).toBe(200)
    socket.send({ id: 2, type: 'auth/refresh_token_set_expiry', refresh_token_id: result[0]!.id, enable_expiry: false })
    expect(await socket.next()).toMatchObject({ success: true })
    clock.move(2000)
    // The write of the use is under way: whatever is asked after it finds it done.
    expect((await refresh(url, tokens))[0]).toBe(200)
    socket.send({ id: 3, type: 'auth/refresh_tokens' })
    expect(await socket.next()).toMatchObject({ result: [{ expire_at: null }] })
  })
})

describe('a user who may only act from a local address', () => {
  const begin = async () => {
    const gateway = await rig({ 'server.trusted_proxies': '127.0.0.1' })
    const { url } = gateway
    const tokens = await session(url)
    const socket = await authenticated(url, tokens.access_token)
    const ask = async (id: number, type: string, fields: object = {}) => {
      socket.send({ id, type, ...fields })
      return (await socket.next()) as { success: boolean; result: never }
    }
    const me = (await ask(1, 'auth/current_user')).result as { id: string }
    const code = await logIn(url)
    const signed = (await ask(2, 'auth/sign_path', { path: '/api/' })).result as { path: string }
    const far = rawSocket(url, AWAY)
    await far.next()
    far.send({ type: 'auth', access_token: tokens.access_token })
    expect(await far.next()).toMatchObject({ type: 'auth_ok' })
    expect((await ask(3, 'config/auth/update', { user_id: me.id, local_only: true })).success).toBe(true)
    return { gateway, url, tokens, code, signed: signed.path, far, ask }
  }

  test('is refused from elsewhere at login, code, refresh, bearer, signed path and socket, and served at home (F9)', async () => {
    const { url, tokens, code, signed } = await begin()
    const denied = { error: 'access_denied', error_description: 'User cannot authenticate remotely' }

    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
    const flow = (await (await post(`${url}/auth/login_flow`, start, AWAY)).json()) as { flow_id: string }
    const input = { client_id: CLIENT_ID, username: 'test-user', password: 'test-pass' }
    const step = await post(`${url}/auth/login_flow/${flow.flow_id}`, input, AWAY)
    expect([step.status, await step.json()]).toEqual([
      403,
      { message: 'Login blocked: User cannot authenticate remotely' },
    ])

    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code }
    const taken = await postForm(`${url}/auth/token`, form, AWAY)
    expect([taken.status, await taken.json()]).toEqual([403, denied])
    expect(await refresh(url, tokens, AWAY)).toEqual([403, denied])
    expect((await refresh(url, tokens, HOME))[0]).toBe(200)
    expect(await bearer(url, tokens.access_token, AWAY)).toBe(401)
    expect(await bearer(url, tokens.access_token, HOME)).toBe(200)
    expect((await fetch(url + signed, { headers: AWAY })).status).toBe(401)
    expect((await fetch(url + signed, { headers: HOME })).status).toBe(200)

    const away = rawSocket(url, AWAY)
    await away.next()
    away.send({ type: 'auth', access_token: tokens.access_token })
    expect(await away.next()).toEqual({ type: 'auth_invalid', message: 'Invalid access token or password' })
    expect((await away.closed).code).toBe(4202)
    const home = rawSocket(url, HOME)
    await home.next()
    home.send({ type: 'auth', access_token: tokens.access_token })
    expect(await home.next()).toMatchObject({ type: 'auth_ok' })
    // None of this is a guess.
    expect((await fetch(`${url}/auth/providers`, { headers: AWAY })).status).toBe(200)
  })

  test('loses an open socket from elsewhere at once, and keeps the one at home (F9)', async () => {
    const { far, ask } = await begin()
    expect((await far.closed).code).toBe(4201)
    expect((await ask(4, 'auth/current_user')).success).toBe(true)
  })
})

describe('a code with a challenge (RFC 7636)', () => {
  const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

  const flow = async (url: string, fields: object) => {
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null], ...fields }
    const response = await post(`${url}/auth/login_flow`, start)
    return [response.status, (await response.json()) as Record<string, string>] as const
  }
  const codeFor = async (url: string, fields: object): Promise<string> => {
    const [, { flow_id }] = await flow(url, fields)
    const input = { client_id: CLIENT_ID, username: 'test-user', password: 'test-pass' }
    return ((await (await post(`${url}/auth/login_flow/${flow_id}`, input)).json()) as { result: string }).result
  }
  const redeem = async (url: string, code: string, fields: Record<string, string>) => {
    const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, ...fields }
    const response = await postForm(`${url}/auth/token`, form)
    return [response.status, ((await response.json()) as { error?: string }).error] as const
  }
  const S256 = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }

  test('is redeemed with its verifier alone, and used up by a wrong one (C10)', async () => {
    const { url } = await rig()
    await session(url)
    expect(await redeem(url, await codeFor(url, S256), { code_verifier: VERIFIER })).toEqual([200, undefined])
    expect(await redeem(url, await codeFor(url, S256), {})).toEqual([400, 'invalid_grant'])
    const code = await codeFor(url, S256)
    expect(await redeem(url, code, { code_verifier: VERIFIER.replace('d', 'e') })).toEqual([400, 'invalid_grant'])
    expect(await redeem(url, code, { code_verifier: VERIFIER })).toEqual([400, 'invalid_request'])
  })

  test('a verifier without a challenge is invalid_grant, and neither is needed (C10)', async () => {
    const { url } = await rig()
    await session(url)
    expect(await redeem(url, await codeFor(url, {}), { code_verifier: VERIFIER })).toEqual([400, 'invalid_grant'])
    expect(await exchange(url, await codeFor(url, {}))).toMatchObject({ token_type: 'Bearer' })
  })

  test('plain, no method and what is no SHA-256 are refused before a password is asked for (C10)', async () => {
    const { url } = await rig()
    await session(url)
    const bad = [
      { code_challenge: VERIFIER, code_challenge_method: 'plain' },
      { code_challenge: CHALLENGE },
      { code_challenge_method: 'S256' },
      { code_challenge: 'short', code_challenge_method: 'S256' },
    ]
    for (const fields of bad) {
      expect([fields, ...(await flow(url, fields))]).toEqual([fields, 400, { message: 'Invalid code challenge' }])
    }
  })

  test('asks for no rotation: its session keeps one refresh token, whatever is sent along (C19)', async () => {
    const { url } = await rig()
    await session(url)
    const proof = { grant_type: 'authorization_code', client_id: CLIENT_ID, code_verifier: VERIFIER }
    const first = await postForm(`${url}/auth/token`, { ...proof, code: await codeFor(url, S256) })
    const { refresh_token, ...others } = (await first.json()) as Record<string, string>
    expect(others).not.toHaveProperty('generation')
    const attempt = { attempt: 'a'.repeat(22), rotate: '1' }
    for (const more of [{}, attempt, {}]) {
      const form = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: refresh_token!, ...more }
      const again = await postForm(`${url}/auth/token`, form)
      expect([again.status, Object.keys((await again.json()) as object)]).toEqual([
        200,
        ['access_token', 'token_type', 'expires_in'],
      ])
    }
  })

  test('a redirect address at the token endpoint must be that of the login', async () => {
    const { url } = await rig()
    await session(url)
    expect(await redeem(url, await codeFor(url, {}), { redirect_uri: REDIRECT_URI })).toEqual([200, undefined])
    expect(await redeem(url, await codeFor(url, {}), { redirect_uri: `${REDIRECT_URI}/` })).toEqual([
      400,
      'invalid_grant',
    ])
  })
})
