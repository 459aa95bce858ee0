/** Cases 66 to 91: access tokens over HTTP, and signed paths. */
import { expect, test } from 'vitest'
import { describeServers } from './server.ts'

const base64url = (text: string): string => Buffer.from(text).toString('base64url')

describeServers('access tokens', (server) => {
  const api = (headers: Record<string, string>, path = '/api/') => server().ask('GET', path, { headers })

  test('45, 66: with a token the API runs, without one it does not', async () => {
    const { access_token } = await server().session()
    const good = await api({ authorization: `Bearer ${access_token}` })
    expect({ status: good.status, json: good.json }).toEqual({ status: 200, json: { message: 'API running.' } })
    expect((await api({})).status).toBe(401)
  })

  test('69: a token with another signature', async () => {
    const { access_token } = await server().session()
    const signed = access_token.slice(0, access_token.lastIndexOf('.') + 1)
    const signature = access_token.slice(signed.length)
    const last = signature.at(-1) === 'A' ? 'B' : 'A'
    for (const wrong of [
      'a'.repeat(43),
      '\u0000'.repeat(43),
      '',
      signature.slice(1),
      `${signature.slice(0, -2)}${last}${last}`,
    ]) {
      const socket = await server().open()
      socket.send({ type: 'auth', access_token: signed + wrong })
      expect(await socket.next()).toEqual({ type: 'auth_invalid', message: 'Invalid access token or password' })
    }
    expect(await server().bearer(`${signed}${'a'.repeat(43)}`)).toBe(401)
  })

  test('70: a token with another header or other claims', async () => {
    const { access_token } = await server().session()
    const [, claims, signature] = access_token.split('.')
    const none = base64url('{"alg":"none","typ":"JWT"}')
    const hs512 = base64url('{"alg":"HS512","typ":"JWT"}')
    const longer = base64url(
      Buffer.from(claims!, 'base64url')
        .toString()
        .replace(/"exp":\d+/, '"exp":9999999999'),
    )
    const [header] = access_token.split('.')
    for (const token of [`${none}.${claims}.`, `${hs512}.${claims}.${signature}`, `${header}.${longer}.${signature}`]) {
      expect(await server().bearer(token)).toBe(401)
    }
  })

  test('71: a text that is far too long', async () => {
    expect(await server().bearer('a'.repeat(10_000))).toBe(401)
  })

  test.each(['no JSON', '[]', '"text"', '5', 'null', '{}'])('72: a token whose payload is %s', async (payload) => {
    const header = base64url('{"alg":"HS256","typ":"JWT"}')
    expect(await server().bearer(`${header}.${base64url(payload)}.${'a'.repeat(43)}`)).toBe(401)
  })

  test('73: the header’s name in any case, its scheme in one', async () => {
    const { access_token: token } = await server().session()
    for (const name of ['Authorization', 'AUTHORIZATION', 'authorization']) {
      expect((await api({ [name]: `Bearer ${token}` })).status).toBe(200)
    }
    for (const value of [`bearer ${token}`, `BEARER ${token}`, token, `Bearer  ${token}`, `Bearer\t${token}`]) {
      expect((await api({ authorization: value })).status).toBe(401)
    }
  })

  test('74, 76: any other scheme', async () => {
    const basic = Buffer.from('test-user:test-pass').toString('base64')
    expect((await api({ authorization: `Basic ${basic}` })).status).toBe(401)
    expect((await api({ authorization: 'Bearer' })).status).toBe(401)
  })

  test('77: a password or a token in another header, a cookie or the query', async () => {
    const { access_token: token } = await server().session()
    for (const headers of [{ 'x-ha-access': 'test-pass' }, { cookie: `access_token=${token}` }]) {
      expect((await api(headers as Record<string, string>)).status).toBe(401)
    }
    for (const query of ['api_password=test-pass', `access_token=${token}`, `token=${token}`]) {
      expect((await api({}, `/api/?${query}`)).status).toBe(401)
    }
  })

  test('75: an access token of a user who was deactivated; 81: of one who was renamed', async () => {
    const { user, tokens, owner } = await server().user()
    await owner.command('config/auth/update', { user_id: user, name: 'Another' })
    expect(await server().bearer(tokens.access_token)).toBe(200)
    await owner.command('config/auth/update', { user_id: user, is_active: false })
    expect(await server().bearer(tokens.access_token)).toBe(401)
  })

  // Home Assistant's own rules about the addresses of proxies are about these as well.
  test('78: a bad header on a public path is passed over', async () => {
    const { status } = await server().ask('GET', '/auth/providers', { headers: { authorization: 'Bearer wrong' } })
    expect(status).toBe(200)
  })
})

describeServers('signed paths', (server) => {
  const sign = async (path: string, more: Readonly<Record<string, unknown>> = {}) => {
    const tokens = await server().session()
    const socket = await server().authenticated(tokens.access_token)
    const { result } = await socket.command('auth/sign_path', { path, ...more })
    return { path: (result as { path: string }).path, tokens, socket }
  }
  const get = async (path: string): Promise<number> => (await server().ask('GET', path)).status

  test('91: a path that was signed on a socket is good without a header', async () => {
    const { path } = await sign('/api/', { expires: 20 })
    expect(path).toMatch(/^\/api\/\?authSig=/)
    expect(await get(path)).toBe(200)
  })

  test('88: the signature names the grant of the socket', async () => {
    const { path, tokens } = await sign('/api/')
    const issuerOf = (jws: string): unknown =>
      (JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as { iss: string }).iss
    expect(issuerOf(path.split('authSig=')[1]!)).toBe(issuerOf(tokens.access_token))
  })

  test('83: not for another path, another method, when the refresh token is gone, or later', async () => {
    const { path, tokens } = await sign('/api/')
    const query = path.slice(path.indexOf('?'))
    expect(await get(`/api/config${query}`)).toBe(server().differs('unknown paths', 401, 404))
    const linked = await sign('/auth/link_user')
    expect((await server().ask('POST', linked.path, { json: {} })).status).toBe(401)
    await server().ask('POST', '/auth/revoke', { form: { token: tokens.refresh_token } })
    expect(await get(path)).toBe(401)
    const short = await sign('/api/', { expires: 1 })
    await expect.poll(() => get(short.path), { timeout: 10_000, interval: 200 }).toBe(401)
  })

  test('84: only with the query that was signed', async () => {
    const { path } = await sign('/api/?test=test')
    expect(await get(path)).toBe(200)
    expect(await get(path.replace('test=test&', ''))).toBe(401)
  })

  test('85, 87: not reordered, doubled, shortened, added to or changed', async () => {
    const { path } = await sign('/api/?test=test&foo=bar')
    expect(await get(path)).toBe(200)
    expect(await get(path.replace('test=test&foo=bar', 'foo=bar&test=test'))).toBe(401)
    expect(await get(path.replace('foo=bar', 'foo=bar&foo=bar'))).toBe(401)
    expect(await get(path.replace('&foo=bar', ''))).toBe(401)
    expect(await get(`${path}&more=1`)).toBe(401)
    expect(await get(path.replace('foo=bar', 'foo=baz'))).toBe(401)
  })

  test('86: width and height may be added', async () => {
    const { path } = await sign('/api/?a=1')
    expect(await get(`${path}&width=10&height=20`)).toBe(200)
  })

  test('90: of a header that is no good and a signature that is, the signature counts', async () => {
    const { path } = await sign('/api/')
    expect((await server().ask('GET', path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(200)
  })
})
