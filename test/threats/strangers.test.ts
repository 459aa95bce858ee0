/** What somebody without an account can find out or bring about, by the rows of docs/threats.md. */
import { afterEach, expect, test } from 'vitest'
import { enter, flow, read } from '../gateway/people.ts'
import { CLIENT_ID, closeRigs, post, type Rig, rawSocket, session, USER } from '../rig.ts'
import { Raw } from '../transport/raw.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

const PROXY = { 'server.trusted_proxies': '127.0.0.1' } as const
const FAR = { 'x-forwarded-for': '8.8.8.8' }

/** Every path that is served without a token, and some that are not there. */
const PATHS = [
  '/',
  '/index.html',
  '/onboarding.html',
  '/page.css',
  '/authorize.js',
  '/auth/authorize',
  '/auth/providers',
  '/auth/login_flow',
  '/auth/login_flow/x',
  '/auth/token',
  '/auth/revoke',
  '/auth/introspect',
  '/auth/verify',
  '/auth/link_user',
  '/api/',
  '/api/onboarding',
  '/api/onboarding/users',
  '/api/onboarding/installation_type',
  '/api/websocket',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/nowhere',
]

/** Status, headers and body of every path by every method, not following where it leads. */
const crawl = async ({ url }: Rig, headers: Record<string, string> = {}) => {
  const found: { asked: string; status: number; headers: Headers; body: string }[] = []
  for (const path of PATHS) {
    for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS']) {
      const response = await fetch(url + path, { method, headers, redirect: 'manual' })
      const body = await response.text()
      found.push({ asked: `${method} ${path}`, status: response.status, headers: response.headers, body })
    }
  }
  return found
}

describeTransports('a stranger', (start) => {
  test('D3: learns of no user, near or far', async () => {
    const gateway = await start(PROXY)
    await session(gateway.url)
    for (const headers of [{}, FAR]) {
      for (const { asked, body, headers: answered } of await crawl(gateway, headers)) {
        const all = `${body} ${JSON.stringify([...answered])}`.toLowerCase()
        expect(all, asked).not.toContain(USER.username.toLowerCase())
        expect(all, asked).not.toContain(USER.name.toLowerCase())
      }
    }
  })

  test('E6, E9: gets no cookie from any answer, and the headers that keep a browser careful', async () => {
    const gateway = await start()
    await session(gateway.url)
    for (const { asked, headers } of await crawl(gateway)) {
      expect(headers.get('set-cookie'), asked).toBe(null)
      expect(headers.get('server'), asked).toBe(null)
      expect(headers.get('uwebsockets'), asked).toBe(null)
      expect(headers.get('x-powered-by'), asked).toBe(null)
      expect(headers.get('x-content-type-options'), asked).toBe('nosniff')
      expect(headers.get('referrer-policy'), asked).toBe('no-referrer')
      expect(headers.get('x-frame-options'), asked).toMatch(/^(DENY|SAMEORIGIN)$/)
      // Only behind TLS: elsewhere it would lock the machine's own pages out.
      expect(headers.get('strict-transport-security'), asked).toBe(null)
      if (headers.get('content-type')?.startsWith('text/html')) {
        expect(headers.get('cross-origin-opener-policy'), asked).toBe('same-origin')
        expect(headers.get('cross-origin-resource-policy'), asked).toBe('same-origin')
      }
    }
  })

  test('E6: brings about nothing with a cookie', async () => {
    const gateway = await start()
    const { access_token, refresh_token } = await session(gateway.url)
    const cookie = `token=${access_token}; access_token=${access_token}; session=${refresh_token}`
    const [plain, baked] = [await crawl(gateway), await crawl(gateway, { cookie })]
    const answers = (all: typeof plain) => all.map(({ asked, status, body }) => [asked, status, body])
    expect(answers(baked)).toEqual(answers(plain))
  })

  test('D8: is who the last trusted proxy says, and nobody else can say so', async () => {
    const gateway = await start({ 'server.trusted_proxies': '127.0.0.1,10.0.0.0/8', 'security.bans.failures': '1' })
    const { url } = gateway
    await session(url)
    const fail = async (header: string): Promise<number> => {
      const headers = { 'x-forwarded-for': header }
      const id = await flow(url, headers)
      return (await enter(url, id, `${crypto.randomUUID()}`, 'wrong', headers)).status
    }
    const status = async (header: string): Promise<number> =>
      (await fetch(`${url}/auth/providers`, { headers: { 'x-forwarded-for': header } })).status
    // The right-most whom nobody here vouches for; what stands before it is a claim of its own.
    expect(await fail('203.0.113.9, 198.51.100.7, 10.1.2.3')).toBe(200)
    expect(await status('198.51.100.7')).toBe(403)
    expect(await status('203.0.113.9')).toBe(200)
    expect(await status('203.0.113.9, 198.51.100.7')).toBe(403)
    expect(await status('198.51.100.7, 203.0.113.9')).toBe(200)
    const bad = ['', ' ', ',', '1.2.3.4,', ',1.2.3.4', '1.2.3.4:80', '10.0.0.0/8', 'unknown', '_hidden', '1.2.3', 'a b']
    for (const header of bad) expect(await status(header), header).toBe(400)
    for (const proto of ['', ',', 'http,', 'http,https,http']) {
      const headers = { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': proto }
      expect((await fetch(`${url}/auth/providers`, { headers })).status, proto).toBe(400)
    }
    // The header twice, for which no client library has a way.
    const raw = await Raw.open(Number(new URL(url).port))
    raw.write('GET /auth/providers HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\n\r\n')
    expect((await raw.answer())!.status).toBe(400)
    raw.socket.destroy()
  })

  test('D8: is refused who comes with a forwarding header and is no trusted proxy', async () => {
    const gateway = await start()
    await session(gateway.url)
    for (const header of ['1.2.3.4', '127.0.0.1', 'junk', '']) {
      const response = await fetch(`${gateway.url}/auth/providers`, { headers: { 'x-forwarded-for': header } })
      expect(await read(response)).toEqual({
        status: 400,
        body: { message: 'The forwarding headers are not from a trusted proxy.' },
      })
    }
    const { socket } = rawSocket(gateway.url, { 'x-forwarded-for': '1.2.3.4' })
    const status = await new Promise((resolve) =>
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode)),
    )
    expect(status).toBe(400)
  })

  test('D19: cannot go on with a login that was begun elsewhere, which goes on where it was', async () => {
    const gateway = await start(PROXY)
    await session(gateway.url)
    const id = await flow(gateway.url, FAR)
    const step = (headers: Record<string, string>) => enter(gateway.url, id, USER.username, USER.password, headers)
    expect(await read(await step({ 'x-forwarded-for': '8.8.4.4' }))).toEqual({
      status: 400,
      body: { message: 'IP address changed' },
    })
    expect(await read(await post(`${gateway.url}/auth/login_flow/${id}`, { client_id: `${CLIENT_ID}x` }, FAR))).toEqual(
      {
        status: 400,
        body: { message: 'Invalid client id' },
      },
    )
    expect(await read(await step(FAR))).toMatchObject({ status: 200, body: { type: 'create_entry' } })
  })
})
