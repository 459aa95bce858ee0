/** Who may come from where: metadata, CORS, and the origin of a handshake, on both transports. */
import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { closeRigs, onboard, post, type RigSettings, rawSocket, rig } from '../rig.ts'

afterEach(closeRigs)

/** `fetch` sets Host itself; this one says what a test wants. */
const get = (url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    })
      .on('error', reject)
      .end()
  })

/** The status of a handshake that was refused, or 101. */
const handshake = (url: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve) => {
    const { socket } = rawSocket(url, headers)
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode!))
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
  })

describe.each(['ws', 'uws'] as const)('on %s', (transport) => {
  const begin = (settings: RigSettings = {}) => rig({ 'server.transport': transport, ...settings })

  test('the metadata names the listener, whatever Host is asked for (C22, C23)', async () => {
    const { url } = await begin()
    const hostile = { host: 'evil.example', 'x-forwarded-proto': 'https' }
    const server = await get(`${url}/.well-known/oauth-authorization-server`, hostile)
    expect(server.status).toBe(200)
    expect(JSON.parse(server.body)).toEqual({
      authorization_endpoint: `${url}/auth/authorize`,
      token_endpoint: `${url}/auth/token`,
      revocation_endpoint: `${url}/auth/revoke`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint: `${url}/auth/introspect`,
      introspection_endpoint_auth_methods_supported: ['Bearer'],
      code_challenge_methods_supported: ['S256'],
      client_id_metadata_document_supported: true,
      latchkey_refresh_rotation: true,
      service_documentation: 'https://developers.home-assistant.io/docs/auth_api',
      issuer: url,
    })
    const resource = await get(`${url}/.well-known/oauth-protected-resource`, hostile)
    expect(JSON.parse(resource.body)).toMatchObject({ resource: url, authorization_servers: [url] })
  })

  test('with an external address the metadata names that', async () => {
    const { url } = await begin({ 'server.external_url': 'https://auth.example.com/' })
    const response = await fetch(`${url}/.well-known/oauth-authorization-server`)
    expect(await response.json()).toMatchObject({
      issuer: 'https://auth.example.com',
      token_endpoint: 'https://auth.example.com/auth/token',
    })
  })

  test('strict origins refuse the handshake of a foreign page, and let in our own and those that are allowed (A1)', async () => {
    const { url } = await begin({
      'server.strict_origins': 'true',
      'server.external_url': 'https://auth.example.com',
      'server.allowed_origins': 'https://app.example.com',
      'security.trusted_hosts': 'gate.lan',
    })
    const { port, host } = new URL(url)
    const cases: readonly [origin: string, host: string, status: number][] = [
      [`http://${host}`, host, 101],
      [`http://localhost:${port}`, host, 101],
      [`http://[::1]:${port}`, `localhost:${port}`, 101],
      ['https://auth.example.com', host, 101],
      ['https://app.example.com', host, 101],
      ['http://gate.lan', 'gate.lan', 101],
      ['null', host, 403],
      [`https://${host}`, host, 403],
      [`http://localhost:1${port.slice(1)}1`, host, 403],
      ['https://app.example.com.evil', host, 403],
      ['https://app.example.com:444', host, 403],
      ['https://app.example.com.', host, 403],
      ['HTTPS://APP.EXAMPLE.COM', host, 403],
      ['http://app.example.com', host, 403],
      [`HTTP://${host}`, host, 403],
      // The name was pointed here by its owner: the same origin, and not ours.
      [`http://evil.example:${port}`, `evil.example:${port}`, 403],
      ['http://localhost.evil', 'localhost.evil', 403],
    ]
    for (const [origin, asked, status] of cases) {
      expect([origin, await handshake(url, { origin, host: asked })]).toEqual([origin, status])
    }
    // No browser: no origin.
    expect(await handshake(url, {})).toBe(101)
  })

  test('behind a trusted proxy our own origin is the one that the proxy names (D8)', async () => {
    const { url } = await begin({
      'server.strict_origins': 'true',
      'server.trusted_proxies': '127.0.0.1',
      'security.trusted_hosts': 'gate.lan',
    })
    const behind = { origin: 'https://gate.lan', 'x-forwarded-for': '192.168.1.9' }
    const named = { ...behind, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'gate.lan' }
    expect(await handshake(url, named)).toBe(101)
    expect(await handshake(url, { ...named, 'x-forwarded-proto': 'http' })).toBe(403)
    expect(await handshake(url, { ...named, 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' })).toBe(
      403,
    )
    // Without an address there is no proxy speaking, whatever else is said.
    const { 'x-forwarded-for': _, ...unsaid } = named
    expect(await handshake(url, unsaid)).toBe(403)
    for (const host of ['', 'gate.lan, evil.example']) {
      expect([host, await handshake(url, { ...named, 'x-forwarded-host': host })]).toEqual([host, 400])
    }
  })

  test('without strict origins a page of any origin may open a socket, as it has to bring a token', async () => {
    const { url } = await begin()
    expect(await handshake(url, { origin: 'https://evil.example' })).toBe(101)
  })

  test('answers are readable for allowed origins, those of token and revoke for every origin (C15)', async () => {
    const { url } = await begin({ 'server.allowed_origins': 'https://app.example.com' })
    await onboard(url)
    const shared = async (path: string, origin: string, method = 'GET') => {
      const response = await fetch(url + path, { method, headers: { origin } })
      return [response.status, response.headers.get('access-control-allow-origin'), response.headers.get('vary')]
    }
    expect(await shared('/auth/providers', 'https://app.example.com')).toEqual([
      200,
      'https://app.example.com',
      'Origin',
    ])
    expect(await shared('/auth/providers', 'https://evil.example')).toEqual([200, null, null])
    expect(await shared('/auth/token', 'https://evil.example', 'POST')).toEqual([400, 'https://evil.example', 'Origin'])
    expect(await shared('/auth/revoke', 'null', 'POST')).toEqual([200, 'null', 'Origin'])
    // A refusal can be read too.
    expect(await shared('/api/', 'https://app.example.com')).toEqual([401, 'https://app.example.com', 'Origin'])

    const preflight = async (path: string, origin: string) => {
      const headers = {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      }
      const response = await fetch(url + path, { method: 'OPTIONS', headers })
      return [
        response.status,
        response.headers.get('access-control-allow-origin'),
        response.headers.get('access-control-allow-headers'),
        response.headers.get('access-control-allow-credentials'),
      ]
    }
    const allowed = [200, 'https://app.example.com', 'CONTENT-TYPE', null]
    expect(await preflight('/auth/login_flow', 'https://app.example.com')).toEqual(allowed)
    expect((await preflight('/auth/login_flow', 'https://evil.example'))[0]).toBe(403)
    expect((await preflight('/auth/login_flow', 'https://evil.example'))[1]).toBeNull()
  })

  test('a login flow is begun from an allowed origin, and not by a page of another (C12)', async () => {
    const { url } = await begin({ 'server.allowed_origins': 'https://app.example.com' })
    await onboard(url)
    const flow = {
      client_id: 'https://app.example.com/',
      redirect_uri: 'https://app.example.com/',
      handler: ['homeassistant', null],
    }
    const headers = { 'sec-fetch-site': 'cross-site' }
    const good = await post(`${url}/auth/login_flow`, flow, { ...headers, origin: 'https://app.example.com' })
    expect(good.status).toBe(200)
    const bad = await post(`${url}/auth/login_flow`, flow, { ...headers, origin: 'https://evil.example' })
    expect([bad.status, await bad.json()]).toEqual([403, { message: 'Cross-site request' }])
  })

  test('the admin listener answers under a loopback name only (D30, G3)', async () => {
    const { adminUrl } = await begin()
    const { port } = new URL(adminUrl)
    for (const host of [`127.0.0.1:${port}`, 'LOCALHOST:1', `[::1]:${port}`]) {
      expect([host, (await get(`${adminUrl}/healthz`, { host })).status]).toEqual([host, 200])
    }
    for (const host of ['evil.example', 'localhost.evil', '127.0.0.1.evil', '2130706433']) {
      expect([host, (await get(`${adminUrl}/healthz`, { host })).status]).toEqual([host, 403])
    }
    expect((await get(`${adminUrl}/metrics`, { host: 'evil.example' })).body).toBe(
      '{"message":"This host is not known here."}',
    )
  })
})
