/** Requests with an access token: what is sent, and what happens when it is refused. */
import { afterEach, expect, test } from 'vitest'
import { AbstractAuth, Auth } from '../../src/client/index.ts'
import { anotherSession, closeRigs, MovableClock, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { counting, REFRESH, sessionOf } from './tools.ts'

afterEach(closeRigs)

describeTransports('a request', (start) => {
  const begin = async () => {
    const gateway = await start()
    return { gateway, tokens: await session(gateway.url) }
  }

  test.each([
    ['', '/api/'],
    ['', 'api/'],
    ['/', '/api/'],
  ])('is sent with the token, wherever the slashes are: host%s and %s', async (slash, path) => {
    const { gateway, tokens } = await begin()
    const auth = new Auth(fetch, `${gateway.url}${slash}`, tokens.access_token)
    const response = await auth.request('get', path)
    expect([response.status, await response.json()]).toEqual([200, { message: 'API running.' }])
  })

  test('keeps the body and headers that it was given, but for another authorization', async () => {
    const { gateway, tokens } = await begin()
    const auth = new Auth(fetch, gateway.url, tokens.access_token)
    const response = await auth.request('POST', '/auth/link_user', {
      body: JSON.stringify({ client_id: 'https://example.com/app', code: 'nope' }),
      headers: { 'content-type': 'application/json', Authorization: 'Bearer wrong' },
    })
    expect([response.status, await response.json()]).toEqual([400, { message: 'Invalid code' }])
  })

  test('with the one token that there is, refused, is answered with 401 and sent once', async () => {
    const { gateway } = await begin()
    const { fetch, asked } = counting()
    expect((await new Auth(fetch, gateway.url, 'a.b.c').request('GET', '/api/')).status).toBe(401)
    expect(asked).toEqual(['GET /api/'])
  })

  test('goes out once more with the token that a token manager of the application has meanwhile', async () => {
    const { gateway, tokens } = await begin()
    const good = await anotherSession(gateway.url)
    const { fetch, asked } = counting()
    const given = ['a.b.c', good.access_token, tokens.access_token]
    class Manager extends AbstractAuth {
      override async getAccessToken(): Promise<string> {
        return given.shift()!
      }
    }
    expect((await new Manager(fetch, gateway.url).request('GET', '/api/')).status).toBe(200)
    expect(asked).toEqual(['GET /api/', 'GET /api/'])
    expect(given).toEqual([tokens.access_token])
  })

  test('that the server refuses leads to one refresh and one retry, for twenty at once too', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, tokens, { fetch, clock: new MovableClock() })
    gateway.clock.move(31 * 60_000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => auth.request('GET', '/api/')))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(asked.filter((path) => path === REFRESH)).toHaveLength(1)
    expect(asked).toHaveLength(41)
  })

  test('whose token has expired is sent once, after one refresh, for twenty at once too', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, tokens, { fetch })
    gateway.clock.move(31 * 60_000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => auth.request('GET', '/api/')))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(asked).toEqual([REFRESH, ...answers.map(() => 'GET /api/')])
  })

  test('that is refused with the refreshed token too is not tried a third time', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const spoilt: typeof fetch = async (input, init) =>
      String(input).endsWith('/api/') ? new Response(null, { status: 401 }) : fetch(input, init)
    const refusing = sessionOf(gateway, tokens, { fetch: spoilt, clock: new MovableClock() })
    expect((await refusing.request('GET', '/api/')).status).toBe(401)
    expect(asked).toEqual([REFRESH])
  })

  test('whose body can be read once is not sent twice', async () => {
    const { gateway } = await begin()
    const { fetch, asked } = counting()
    const given = ['a.b.c', 'd.e.f']
    class Manager extends AbstractAuth {
      override async getAccessToken(): Promise<string> {
        return given.shift()!
      }
    }
    const auth = new Manager(fetch, gateway.url)
    const body = new Blob(['{}']).stream()
    const response = await auth.request('POST', '/auth/link_user', { body, duplex: 'half' })
    expect(response.status).toBe(401)
    expect(asked).toEqual(['POST /auth/link_user'])
    expect(given).toEqual(['d.e.f'])
  })
})
