/** A session of OAuth 2: its login with PKCE, its refreshes, what it gives the application to keep, and its end. */
import { afterEach, expect, test } from 'vitest'
import {
  authorize,
  codeFrom,
  type Fetch,
  OAuth2Session,
  type Token,
  TokenRefused,
  TokenUnavailable,
} from '../../src/client/index.ts'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  MovableClock,
  onboard,
  post,
  REDIRECT_URI,
  type Rig,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { counting, REFRESH, refusal, sessionOf } from './tools.ts'

afterEach(closeRigs)

const MINUTE = 60_000

/** Logs in as the page at the address does; resolves to where the browser is sent back to. */
const logInAt = async (address: string): Promise<string> => {
  const { origin, searchParams } = new URL(address)
  const { response_type: _, state, ...query } = Object.fromEntries(searchParams)
  const flow = await post(`${origin}/auth/login_flow`, { ...query, handler: ['homeassistant', null] })
  const { flow_id: id } = (await flow.json()) as { flow_id: string }
  const { username, password } = USER
  const step = await post(`${origin}/auth/login_flow/${id}`, { client_id: query['client_id'], username, password })
  const { result } = (await step.json()) as { result: string }
  return `${query['redirect_uri']}?${new URLSearchParams({ code: result, state: state! })}`
}

describeTransports('a session', (start) => {
  const begin = async () => {
    const gateway = await start()
    return { gateway, tokens: await session(gateway.url) }
  }

  const logIn = async (gateway: Rig, pkce: boolean) => {
    await onboard(gateway.url)
    const { url, state, verifier } = await authorize({
      host: gateway.url,
      clientId: CLIENT_ID,
      redirectUri: REDIRECT_URI,
      pkce,
    })
    const code = codeFrom(await logInAt(url), state)!
    const options = { fetch, host: gateway.url, clientId: CLIENT_ID, redirectUri: REDIRECT_URI, clock: gateway.clock }
    return { code, verifier, options }
  }

  test.each([true, false])('begins with a code; PKCE: %s', async (pkce) => {
    const gateway = await start()
    const { code, verifier, options } = await logIn(gateway, pkce)
    expect(verifier === null).toBe(!pkce)
    const updated: Token[] = []
    const auth = await OAuth2Session.exchange({
      ...options,
      code,
      verifier,
      tokenUpdater: (token) => void updated.push(token),
    })
    expect((await auth.request('GET', '/api/')).status).toBe(200)
    expect(updated).toEqual([auth.token])
    expect(auth.token).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      expires_in: 1800,
      expires_at: expect.any(Number),
    })
    const left = auth.token.expires_at - gateway.clock.now()
    expect(left).toBeGreaterThan(1_790_000)
    expect(left).toBeLessThanOrEqual(1_800_000)
    const again = await refusal(OAuth2Session.exchange({ ...options, code, verifier }))
    expect(again).toMatchObject({ name: 'TokenRefused', code: 'invalid_request', message: 'Invalid code' })
  })

  test.each([null, 'A'.repeat(43)])(
    'does not begin for whoever has the code and not its verifier: %s',
    async (wrong) => {
      const { code, options } = await logIn(await start(), true)
      const error = await refusal(OAuth2Session.exchange({ ...options, code, verifier: wrong }))
      expect(error).toMatchObject({ name: 'TokenRefused', code: 'invalid_grant' })
    },
  )

  test('goes on in another process from the JSON that the application kept', async () => {
    const { gateway, tokens } = await begin()
    const token = JSON.parse(JSON.stringify(sessionOf(gateway, tokens).token)) as Token
    const auth = new OAuth2Session({ fetch, host: gateway.url, clientId: CLIENT_ID, token, clock: gateway.clock })
    expect((await auth.request('GET', '/api/')).status).toBe(200)
  })

  test('takes its token as expired ten seconds early, and not before', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const clock = new MovableClock()
    const auth = sessionOf(gateway, tokens, { fetch, clock })
    clock.move(1_789_000)
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
    clock.move(1000)
    await auth.getAccessToken()
    expect(asked).toEqual([REFRESH])
    expect(auth.token.expires_at - clock.now()).toBeGreaterThan(1_799_000)
  })

  test('has its new token kept before anybody gets it', async () => {
    const { gateway, tokens } = await begin()
    const order: string[] = []
    const auth = sessionOf(gateway, tokens, {
      tokenUpdater: async ({ access_token }) => {
        await new Promise((resolve) => setImmediate(resolve))
        order.push(`kept ${access_token}`)
      },
    })
    gateway.clock.move(31 * MINUTE)
    const given = await auth.getAccessToken()
    order.push(`given ${given}`)
    expect(order).toEqual([`kept ${given}`, `given ${given}`])
    expect(auth.token.refresh_token).toBe(tokens.refresh_token)
  })

  test('uses what another process has fetched and kept, and refreshes with what is kept', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    let shelf: Token = sessionOf(gateway, tokens).token
    const tokenUpdater = (token: Token): void => {
      shelf = token
    }
    const options = { fetch, tokenLoader: () => shelf, tokenUpdater }
    const one = sessionOf(gateway, tokens, options)
    const other = sessionOf(gateway, tokens, options)
    gateway.clock.move(31 * MINUTE)
    const first = await one.getAccessToken()
    expect(await other.getAccessToken()).toBe(first)
    expect(asked).toEqual([REFRESH])
    // An access token made in the same second would be the same text.
    gateway.clock.move(1000)
    // The server refuses what both have: it is replaced, although it is what is kept.
    const next = await other.replaceAccessToken(first)
    expect(await one.replaceAccessToken(first)).toBe(next)
    expect(asked).toEqual([REFRESH, REFRESH])
  })

  test('is over where the application has no token any more', async () => {
    const { gateway, tokens } = await begin()
    const auth = sessionOf(gateway, tokens, { tokenLoader: () => null })
    gateway.clock.move(31 * MINUTE)
    expect(await refusal(auth.getAccessToken())).toMatchObject({ name: 'TokenRefused', code: 'logged_out' })
  })

  test('carries on a refresh token that an answer changes, though it began without attempts and gets none', async () => {
    const { gateway, tokens } = await begin()
    const updated: Token[] = []
    // This server keeps a session's refresh token; the answer is given another on its way.
    const sent: string[] = []
    const rotating: Fetch = async (input, init) => {
      sent.push(String(init?.body))
      const answer = (await (await fetch(input, init)).json()) as object
      return Response.json({ ...answer, refresh_token: 'the next', generation: 7 })
    }
    const auth = sessionOf(gateway, tokens, { fetch: rotating, tokenUpdater: (token) => void updated.push(token) })
    gateway.clock.move(31 * MINUTE)
    await auth.getAccessToken()
    expect(updated).toMatchObject([{ refresh_token: 'the next' }])
    expect(auth.token).toBe(updated[0])
    expect(auth.token).not.toHaveProperty('generation')
    expect(sent.join()).not.toContain('attempt')
  })

  test('can be refreshed another way by the application, and is shared and kept all the same', async () => {
    const { gateway, tokens } = await begin()
    const later = sessionOf(gateway, await anotherSession(gateway.url)).token
    const updated: Token[] = []
    let times = 0
    class Elsewhere extends OAuth2Session {
      protected override async refreshTokens(): Promise<Token> {
        times++
        return later
      }
    }
    const { token } = sessionOf(gateway, tokens)
    const auth = new Elsewhere({
      fetch,
      host: gateway.url,
      clientId: CLIENT_ID,
      token: { ...token, expires_at: 0 },
      clock: gateway.clock,
      tokenUpdater: (kept) => void updated.push(kept),
    })
    const answers = await Promise.all([auth.request('GET', '/api/'), auth.request('GET', '/api/')])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(times).toBe(1)
    expect(updated).toEqual([later])
  })

  test('that was revoked elsewhere is over: the user has to log in', async () => {
    const { gateway, tokens } = await begin()
    const auth = sessionOf(gateway, tokens)
    await sessionOf(gateway, tokens).revoke()
    const error = await refusal(auth.request('GET', '/api/'))
    expect(error).toBeInstanceOf(TokenRefused)
    expect(error).toMatchObject({ code: 'invalid_grant' })
  })

  test('that is revoked here ends its sockets, and asks the server no more', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, tokens, { fetch })
    const raw = await authenticated(gateway.url, tokens.access_token)
    await auth.revoke()
    expect((await raw.closed).code).toBe(4200)
    expect(await refusal(auth.getAccessToken())).toMatchObject({ name: 'TokenRefused', code: 'logged_out' })
    expect(asked).toEqual(['POST /auth/revoke'])
  })

  test('is not said to be revoked while the server is away', async () => {
    const { gateway, tokens } = await begin()
    const auth = sessionOf(gateway, tokens)
    await gateway.stop()
    expect(await refusal(auth.revoke())).toMatchObject({ name: 'TokenUnavailable', status: 0 })
    expect(await auth.getAccessToken()).toBe(tokens.access_token)
  })

  test('is not over while the server is away: it tells so, and refreshes when it is back', async () => {
    const { gateway, tokens } = await begin()
    const auth = sessionOf(gateway, tokens)
    gateway.clock.move(31 * MINUTE)
    await gateway.stop()
    const error = await refusal(auth.getAccessToken())
    expect(error).toBeInstanceOf(TokenUnavailable)
    expect(error).toMatchObject({ status: 0, retryAfterMs: null, cause: expect.any(TypeError) })
    await gateway.restart()
    expect((await auth.request('GET', '/api/')).status).toBe(200)
  })

  test('is not over for an address that is banned: it tells how long to wait', async () => {
    const bans = { 'security.bans.failures': '1', 'security.bans.for': '90s', 'server.trusted_proxies': '127.0.0.1' }
    const gateway = await start(bans)
    const tokens = await session(gateway.url)
    // The test's own address is that of a trusted proxy, which can speak for any other.
    const far: Fetch = (input, init) => fetch(input, { ...init, headers: { 'x-forwarded-for': '203.0.113.7' } })
    const auth = sessionOf(gateway, tokens, { fetch: far })
    const stranger = sessionOf(gateway, { ...tokens, refresh_token: 'f'.repeat(128) }, { fetch: far })
    gateway.clock.move(31 * MINUTE)
    expect(await refusal(stranger.getAccessToken())).toMatchObject({ code: 'invalid_grant' })
    const error = await refusal(auth.getAccessToken())
    expect(error).toMatchObject({ name: 'TokenUnavailable', status: 403 })
    expect((error as TokenUnavailable).retryAfterMs).toBeGreaterThan(80_000)
    expect((error as TokenUnavailable).retryAfterMs).toBeLessThanOrEqual(90_000)
  })

  test('gives up an answer that does not come within fifteen seconds', async () => {
    const { gateway, tokens } = await begin()
    const clock = new MovableClock()
    let sent: () => void = () => undefined
    const out = new Promise<void>((resolve) => {
      sent = resolve
    })
    const silent: Fetch = (_input, init) =>
      new Promise((_resolve, reject) => {
        init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason))
        sent()
      })
    const auth = sessionOf(gateway, tokens, { fetch: silent, clock })
    const refused = refusal(auth.replaceAccessToken(tokens.access_token))
    await out
    clock.move(15_000)
    expect(await refused).toMatchObject({ name: 'TokenUnavailable', status: 0 })
  })
})
