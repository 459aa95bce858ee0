/** Cases 43 to 65: the token endpoint and revocation. Those about days and minutes run with a clock of their own, elsewhere. */
import { expect, test } from 'vitest'
import { CLIENT, describeServers, type Tokens } from './server.ts'

const OTHER = 'https://example.com/other'

describeServers('token endpoint', (server) => {
  const invalidCode = { error: 'invalid_request', error_description: 'Invalid code' }

  test('43: a code gives an access token and a refresh token, not to be stored on the way', async () => {
    const { status, json, headers } = await server().exchange(await server().code())
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        access_token: expect.stringMatching(/^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.[\w-]+\.[\w-]{43}$/),
        token_type: 'Bearer',
        refresh_token: expect.any(String),
        expires_in: 1800,
        ha_auth_provider: 'homeassistant',
      },
    })
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['pragma']).toBe('no-cache')
    const { access_token } = json as Tokens
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()) as {
      iat: number
      exp: number
    }
    expect(Object.keys(claims)).toEqual(['iss', 'iat', 'exp'])
    expect(claims.exp - claims.iat).toBe(1800)
  })

  test('44: a refresh gives an access token, and no refresh token', async () => {
    const { refresh_token } = await server().session()
    const { status, json } = await server().refresh(refresh_token)
    expect({ status, json }).toEqual({
      status: 200,
      json: { access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 },
    })
    expect(await server().bearer((json as Tokens).access_token)).toBe(200)
  })

  test.each(['', 'x'.repeat(32), 'ä'])('46: %o is no code', async (code) => {
    const { status, json } = await server().exchange(code)
    expect({ status, json }).toEqual({ status: 400, json: invalidCode })
  })

  test.each([{}, { client_id: '' }, { client_id: 'no url' }])('46: a code without a client: %o', async (client) => {
    const form = { grant_type: 'authorization_code', code: 'x', ...(client as Record<string, string>) }
    const { status, json } = await server().token(form)
    expect({ status, json }).toEqual({
      status: 400,
      json: { error: 'invalid_request', error_description: 'Invalid client id' },
    })
  })

  test('48: a code is good once; its second use ends what the first one gave', async () => {
    const code = await server().code()
    const { refresh_token } = (await server().exchange(code)).json as Tokens
    const { status, json } = await server().exchange(code)
    expect({ status, json }).toEqual({ status: 400, json: invalidCode })
    expect((await server().refresh(refresh_token)).status).toBe(server().differs('second use of a code', 200, 400))
  })

  test('49: a code presented by another client is not used up', async () => {
    const code = await server().code()
    const other = await server().token({ grant_type: 'authorization_code', client_id: OTHER, code })
    expect({ status: other.status, json: other.json }).toEqual({ status: 400, json: invalidCode })
    expect((await server().exchange(code)).status).toBe(200)
  })

  test.each([{}, { grant_type: 'password' }, { grant_type: '' }, { client_id: CLIENT }])(
    '50: another grant type: %o',
    async (form) => {
      const { status, json } = await server().token(form as Record<string, string>)
      expect({ status, json }).toEqual({ status: 400, json: { error: 'unsupported_grant_type' } })
    },
  )

  test.each(['https://other.example', 'null'])('51: pages of %s may ask', async (origin) => {
    const { status, headers } = await server().token({}, { headers: { origin } })
    expect(status).toBe(400)
    expect(headers['access-control-allow-origin']).toBe(origin)
    expect(headers['access-control-allow-credentials']).toBe(undefined)
    const preflight = await server().ask('OPTIONS', '/auth/token', {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(preflight.status).toBe(200)
    expect(preflight.headers['access-control-allow-origin']).toBe(origin)
    expect(preflight.headers['access-control-allow-methods']).toContain('POST')
    expect(preflight.headers['access-control-allow-headers']).toMatch(/content-type/i)
  })

  test.each([
    ['54: an unknown token', { refresh_token: 'x'.repeat(128), client_id: CLIENT }, { error: 'invalid_grant' }],
    ['54: an unknown token of no client', { refresh_token: 'x'.repeat(128) }, { error: 'invalid_grant' }],
    ['54: no token', { client_id: CLIENT }, { error: 'invalid_request' }],
    [
      '54: a client that is none',
      { refresh_token: 'x', client_id: 'no url' },
      { error: 'invalid_request', error_description: 'Invalid client id' },
    ],
  ])('%s', async (_, form, body) => {
    const { status, json } = await server().token({ grant_type: 'refresh_token', ...form })
    expect({ status, json }).toEqual({ status: 400, json: body })
  })

  test.each([OTHER, 'https://EXAMPLE.com/app', 'https://example.com/app/'])(
    '55: a refresh by another client, %s, is refused and harms nothing',
    async (client_id) => {
      const { refresh_token } = await server().session()
      const { status, json } = await server().token({ grant_type: 'refresh_token', client_id, refresh_token })
      expect({ status, json }).toEqual({ status: 400, json: { error: 'invalid_request' } })
      expect((await server().refresh(refresh_token)).status).toBe(200)
    },
  )

  test('55: a refresh by no client is refused', async () => {
    const { refresh_token } = await server().session()
    const { status, json } = await server().token({ grant_type: 'refresh_token', refresh_token })
    expect({ status, json }).toEqual({ status: 400, json: { error: 'invalid_request' } })
  })

  test.each([
    ['58', '/auth/revoke', {}],
    ['59', '/auth/token', { action: 'revoke' }],
  ])('%s: a revocation at %s ends the refresh token, its access tokens and its sockets', async (_, path, more) => {
    const { refresh_token, access_token } = await server().session()
    const socket = await server().authenticated(access_token)
    const { status, text } = await server().ask('POST', path, { form: { ...more, token: refresh_token } })
    expect({ status, text }).toEqual({ status: 200, text: '' })
    expect((await socket.closed).code).toBe(server().close(4200))
    expect(await server().bearer(access_token)).toBe(401)
    const { status: after, json } = await server().refresh(refresh_token)
    expect({ after, json }).toEqual({ after: 400, json: { error: 'invalid_grant' } })
  })

  test.each([{}, { token: '' }, { token: 'garbage' }, { token: 'x'.repeat(128), token_type_hint: 'access_token' }])(
    '60: a revocation of nothing is answered the same: %o',
    async (form) => {
      const { status, text } = await server().ask('POST', '/auth/revoke', { form: form as Record<string, string> })
      expect({ status, text }).toEqual({ status: 200, text: '' })
    },
  )

  test('60: an access token given to revoke', async () => {
    const { refresh_token, access_token } = await server().session()
    await server().ask('POST', '/auth/revoke', { form: { token: access_token } })
    const status = server().differs('access token given to revoke', 200, 400)
    expect((await server().refresh(refresh_token)).status).toBe(status)
  })

  test('61: forms may be multipart', async () => {
    const code = await server().code()
    const first = await server().ask('POST', '/auth/token', {
      multipart: { grant_type: 'authorization_code', client_id: CLIENT, code },
    })
    expect(first.status).toBe(200)
    const { refresh_token } = first.json as Tokens
    const second = await server().ask('POST', '/auth/token', {
      multipart: { grant_type: 'refresh_token', client_id: CLIENT, refresh_token },
    })
    expect(second.status).toBe(200)
    await server().ask('POST', '/auth/revoke', { multipart: { token: refresh_token } })
    expect((await server().refresh(refresh_token)).status).toBe(400)
  })

  test.each(['application/json', 'text/plain', ''])('62: a body of type %o is an empty form', async (type) => {
    const text = `grant_type=authorization_code&client_id=${encodeURIComponent(CLIENT)}&code=x`
    const { status, json } = await server().ask('POST', '/auth/token', { text, headers: { 'content-type': type } })
    expect({ status, json }).toEqual({ status: 400, json: { error: 'unsupported_grant_type' } })
  })
})
