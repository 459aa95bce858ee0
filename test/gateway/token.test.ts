/** The token endpoint and the revocation endpoint: who gets what for which code or token, and who may read it. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  postForm,
  REDIRECT_URI,
  type Rig,
  rig,
  session,
  type Tokens,
} from '../rig.ts'
import { asker, makeUser, read } from './people.ts'

afterEach(closeRigs)

const OTHER_CLIENT = 'https://other.example/'
const INVALID_CODE = { status: 400, body: { error: 'invalid_request', error_description: 'Invalid code' } }
const WRONG_CLIENT = { status: 400, body: { error: 'invalid_request' } }
const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } }

const begin = async (): Promise<{ gateway: Rig; tokens: Tokens }> => {
  const gateway = await rig()
  return { gateway, tokens: await session(gateway.url) }
}

const redeem = async ({ url }: Rig, code: string, fields: Record<string, string> = {}) =>
  read(await postForm(`${url}/auth/token`, { grant_type: 'authorization_code', client_id: CLIENT_ID, code, ...fields }))

const refresh = async ({ url }: Rig, { refresh_token }: Tokens, fields: Record<string, string> = {}) =>
  read(
    await postForm(`${url}/auth/token`, {
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token,
      ...fields,
    }),
  )

const bearer = async ({ url }: Rig, token: string) =>
  (await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${token}` } })).status

describe('a code', () => {
  test('gives an access and a refresh token, once', async () => {
    const { gateway } = await begin()
    const code = await logIn(gateway.url)
    expect(code).toMatch(/^[0-9a-f]{64}$/)
    const response = await postForm(`${gateway.url}/auth/token`, {
      grant_type: 'authorization_code',
      client_id: CLIENT_ID,
      code,
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    })
    const text = await response.text()
    expect(text.replace(/"[\w-]+\.[\w-]+\.[\w-]+"/, '"JWT"').replace(/lk_rt_[\w-]{43}_[0-9a-f]{8}/, 'RT')).toBe(
      '{"access_token":"JWT","token_type":"Bearer","refresh_token":"RT","expires_in":1800,"ha_auth_provider":"homeassistant"}',
    )
    // Its second presentation says that it was stolen: what the first gave is dead.
    expect(await redeem(gateway, code)).toEqual(INVALID_CODE)
    expect(await refresh(gateway, JSON.parse(text) as Tokens)).toEqual(INVALID_GRANT)
  })

  test('presented by another client, or under another spelling of its name, stays good for its own (C9)', async () => {
    const { gateway } = await begin()
    const code = await logIn(gateway.url)
    for (const client_id of [OTHER_CLIENT, `${CLIENT_ID}/`, CLIENT_ID.toUpperCase(), 'https://example.com']) {
      expect(await redeem(gateway, code, { client_id })).toEqual(INVALID_CODE)
    }
    expect((await redeem(gateway, code)).status).toBe(200)
  })

  test('presented by twenty at once gives tokens to one at most, and they are dead (C8)', async () => {
    const { gateway } = await begin()
    const code = await logIn(gateway.url)
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(gateway, code)))
    const good = answers.filter(({ status }) => status === 200).map(({ body }) => body as Tokens)
    expect(good.length).toBeLessThanOrEqual(1)
    expect(answers.filter(({ status }) => status !== 200)).toEqual(Array(20 - good.length).fill(INVALID_CODE))
    for (const tokens of good) {
      expect(await refresh(gateway, tokens)).toEqual(INVALID_GRANT)
      expect(await bearer(gateway, tokens.access_token)).toBe(401)
    }
  })

  test('with another redirect address than that of its login is invalid_grant, and used up (C9)', async () => {
    const { gateway } = await begin()
    const code = await logIn(gateway.url)
    expect(await redeem(gateway, code, { redirect_uri: `${REDIRECT_URI}?x` })).toEqual(INVALID_GRANT)
    expect(await redeem(gateway, code, { redirect_uri: REDIRECT_URI })).toEqual(INVALID_CODE)
  })

  test('of a user who was deactivated since is access_denied, and used up', async () => {
    const { gateway, tokens } = await begin()
    const ask = asker(await authenticated(gateway.url, tokens.access_token))
    const user_id = await makeUser(ask, 'other', 'its password')
    const as = { name: 'other', username: 'other', password: 'its password' }
    const code = await logIn(gateway.url, CLIENT_ID, REDIRECT_URI, as)
    await ask('config/auth/update', { user_id, is_active: false })
    expect(await redeem(gateway, code)).toEqual({
      status: 403,
      body: { error: 'access_denied', error_description: 'User is not active' },
    })
    await ask('config/auth/update', { user_id, is_active: true })
    expect(await redeem(gateway, code)).toEqual(INVALID_CODE)
  })
})

describe('a refresh token', () => {
  test('gives access tokens of its own session, and no other refresh token', async () => {
    const { gateway, tokens } = await begin()
    const { status, body } = await refresh(gateway, tokens)
    expect({ status, body }).toEqual({
      status: 200,
      body: { access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 },
    })
    const { access_token } = body as Tokens
    expect(grantOf(access_token)).toBe(grantOf(tokens.access_token))
    expect(await bearer(gateway, access_token)).toBe(200)
  })

  test('of another client is invalid_request and unharmed; an unknown one is invalid_grant whoever asks (C17)', async () => {
    const { gateway, tokens } = await begin()
    for (const client_id of [OTHER_CLIENT, `${CLIENT_ID}/`, 'https://EXAMPLE.com/app']) {
      expect(await refresh(gateway, tokens, { client_id })).toEqual(WRONG_CLIENT)
      expect(await refresh(gateway, tokens, { client_id, refresh_token: 'x' })).toEqual(INVALID_GRANT)
    }
    const { refresh_token } = tokens
    const nobody = await postForm(`${gateway.url}/auth/token`, { grant_type: 'refresh_token', refresh_token })
    expect(await read(nobody)).toEqual(WRONG_CLIENT)
    expect((await refresh(gateway, tokens)).status).toBe(200)
  })

  test('of a user who was deactivated is gone, and does not come back with the user (F5)', async () => {
    const { gateway, tokens } = await begin()
    const ask = asker(await authenticated(gateway.url, tokens.access_token))
    const user_id = await makeUser(ask, 'other', 'its password')
    const as = { name: 'other', username: 'other', password: 'its password' }
    const theirs = await exchange(gateway.url, await logIn(gateway.url, CLIENT_ID, REDIRECT_URI, as))
    await ask('config/auth/update', { user_id, is_active: false })
    expect(await refresh(gateway, theirs)).toEqual(INVALID_GRANT)
    await ask('config/auth/update', { user_id, is_active: true })
    expect(await refresh(gateway, theirs)).toEqual(INVALID_GRANT)
    expect(await bearer(gateway, theirs.access_token)).toBe(401)
  })
})

describe('revoke', () => {
  const at = ['/auth/revoke', '/auth/token'] as const
  const revoke = (path: string, { url }: Rig, token: string) =>
    postForm(`${url}${path}`, path === '/auth/token' ? { action: 'revoke', token } : { token })

  const isEmpty200 = async (response: Response): Promise<void> => {
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([200, '', null])
  }

  test.each(at)('at %s ends the session of a refresh token, with its socket, and says so twice (C21)', async (path) => {
    const { gateway, tokens } = await begin()
    const raw = await authenticated(gateway.url, tokens.access_token)
    await isEmpty200(await revoke(path, gateway, tokens.refresh_token))
    expect(await raw.closed).toEqual({ code: 4200, reason: '' })
    expect(await refresh(gateway, tokens)).toEqual(INVALID_GRANT)
    expect(await bearer(gateway, tokens.access_token)).toBe(401)
    await isEmpty200(await revoke(path, gateway, tokens.refresh_token))
  })

  test.each(at)('at %s ends the session of an access token that is good, and no other (C21)', async (path) => {
    const { gateway, tokens } = await begin()
    const other = await exchange(gateway.url, await logIn(gateway.url))
    await isEmpty200(await revoke(path, gateway, other.access_token))
    expect(await refresh(gateway, other)).toEqual(INVALID_GRANT)
    expect((await refresh(gateway, tokens)).status).toBe(200)
  })

  test.each(at)('at %s says 200 to what it does not know, and ends nothing (C21)', async (path) => {
    const { gateway, tokens } = await begin()
    gateway.clock.move(31 * 60_000)
    const { access_token, refresh_token } = tokens
    for (const token of ['', 'x', access_token, `${refresh_token} `, refresh_token.slice(0, -1), 'é', '\0']) {
      await isEmpty200(await revoke(path, gateway, token))
    }
    // The wrong word for what is to be done, and no word at all.
    await postForm(`${gateway.url}/auth/token`, { action: 'Revoke', token: refresh_token })
    await isEmpty200(await postForm(`${gateway.url}/auth/revoke`, {}))
    expect((await refresh(gateway, tokens)).status).toBe(200)
  })
})

describe('CORS', () => {
  const preflight = (url: string, headers: Record<string, string>) => fetch(url, { method: 'OPTIONS', headers })
  const ORIGIN = 'https://app.example.com'
  const ASK = { origin: ORIGIN, 'access-control-request-method': 'POST' }

  test.each(['/auth/token', '/auth/revoke'])('%s is for every origin, whatever the answer (C15)', async (path) => {
    const { gateway } = await begin()
    for (const origin of [ORIGIN, 'null', 'http://localhost:3000']) {
      for (const fields of [{}, { grant_type: 'refresh_token' }, { action: 'revoke' }]) {
        const { headers } = await postForm(gateway.url + path, fields as Record<string, string>, { origin })
        expect([headers.get('access-control-allow-origin'), headers.get('vary')]).toEqual([origin, 'Origin'])
        expect(headers.get('access-control-allow-credentials')).toBeNull()
      }
    }
    const without = await postForm(gateway.url + path, {})
    expect(without.headers.get('access-control-allow-origin')).toBeNull()
    expect(without.headers.get('vary')).toBe('Origin')
  })

  test.each(['/auth/token', '/auth/revoke'])('a preflight of %s may ask for the known headers', async (path) => {
    const { gateway } = await begin()
    const granted = await preflight(gateway.url + path, {
      ...ASK,
      'access-control-request-headers': 'content-type, Authorization,x-requested-with',
    })
    expect([granted.status, await granted.text()]).toEqual([200, ''])
    expect(Object.fromEntries(granted.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'CONTENT-TYPE,AUTHORIZATION,X-REQUESTED-WITH',
      vary: 'Origin',
    })
    const refused = { status: 403, body: { message: 'CORS preflight request failed.' } }
    for (const headers of [
      { origin: ORIGIN },
      { 'access-control-request-method': 'POST' },
      { ...ASK, 'access-control-request-headers': 'x-foo' },
      { ...ASK, 'access-control-request-headers': 'content-type,x-foo' },
    ]) {
      expect(await read(await preflight(gateway.url + path, headers as Record<string, string>))).toEqual(refused)
    }
  })

  test('login flows, the set-up and the API are for no other origin (C15)', async () => {
    const { gateway } = await begin()
    for (const path of ['/auth/providers', '/auth/login_flow', '/api/onboarding', '/api/']) {
      const refused = await preflight(gateway.url + path, ASK)
      expect([path, await read(refused), refused.headers.get('access-control-allow-origin')]).toEqual([
        path,
        { status: 403, body: { message: 'CORS preflight request failed.' } },
        null,
      ])
      const { headers } = await fetch(gateway.url + path, { headers: { origin: ORIGIN } })
      expect([path, headers.get('access-control-allow-origin')]).toEqual([path, null])
    }
  })
})
