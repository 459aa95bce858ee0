/** `POST /auth/introspect`: who may ask, about what, and what is told of a token that is none. */
import { afterEach, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  postForm,
  type Rig,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, makeUser, read } from './people.ts'

afterEach(closeRigs)

const ask = async ({ url }: Rig, caller: string | null, form: Record<string, string>) =>
  read(await postForm(`${url}/auth/introspect`, form, caller === null ? {} : { authorization: `Bearer ${caller}` }))

const longLived = async (asks: Ask): Promise<string> => {
  const answer = await asks('auth/long_lived_access_token', { client_name: crypto.randomUUID(), lifespan: 10 })
  return (answer as { result: string }).result
}

const UNAUTHORIZED = { status: 401, body: { message: 'Unauthorized.' } }
const INACTIVE = { status: 200, body: { active: false } }

describeTransports('introspection', (start) => {
  test('tells a service what a session’s tokens stand for, until the session ends', async () => {
    const gateway = await start()
    const { access_token, refresh_token } = await session(gateway.url)
    const asks = asker(await authenticated(gateway.url, access_token))
    const service = await longLived(asks)
    const { result: user } = (await asks('auth/current_user')) as { result: { id: string } }
    const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString())
    const told = {
      active: true,
      iss: gateway.url,
      sub: user.id,
      username: USER.username,
      client_id: CLIENT_ID,
      session_id: grantOf(access_token),
    }
    expect(await ask(gateway, service, { token: access_token })).toEqual({
      status: 200,
      body: { ...told, token_type: 'Bearer', iat: claims.iat, exp: claims.exp },
    })
    expect(await ask(gateway, service, { token: refresh_token })).toEqual({
      status: 200,
      body: { ...told, iat: expect.any(Number), exp: expect.any(Number) },
    })
    await postForm(`${gateway.url}/auth/revoke`, { token: refresh_token })
    expect(await ask(gateway, service, { token: access_token })).toEqual(INACTIVE)
    expect(await ask(gateway, service, { token: refresh_token })).toEqual(INACTIVE)
  })

  test('B20: answers nobody but a service, and tells of no token why it is not good', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const admin = asker(await authenticated(gateway.url, access_token))
    await makeUser(admin, 'bob', 'bob-pass')
    const bobs = await exchange(
      gateway.url,
      await logIn(gateway.url, CLIENT_ID, undefined, { name: 'Bob', username: 'bob', password: 'bob-pass' }),
    )
    const [service, bobsService] = [
      await longLived(admin),
      await longLived(asker(await authenticated(gateway.url, bobs.access_token))),
    ]
    for (const caller of [null, access_token, 'x', `${service}x`]) {
      expect(await ask(gateway, caller, { token: access_token })).toEqual(UNAUTHORIZED)
    }
    expect(await ask(gateway, service, {})).toEqual({ status: 400, body: { error: 'invalid_request' } })

    const last = access_token.at(-2) === 'A' ? 'B' : 'A'
    const twin = access_token.slice(0, -2) + last + access_token.at(-1)
    for (const token of ['', 'x', twin, 'x'.repeat(9000)]) {
      expect(await ask(gateway, service, { token })).toEqual(INACTIVE)
    }
    // Another's is told of to an administrator alone.
    expect(await ask(gateway, bobsService, { token: access_token })).toEqual(INACTIVE)
    expect(await ask(gateway, bobsService, { token: bobs.access_token })).toMatchObject({ body: { active: true } })
    expect(await ask(gateway, service, { token: bobs.access_token })).toMatchObject({ body: { active: true } })
    gateway.clock.move(31 * 60_000)
    expect(await ask(gateway, service, { token: access_token })).toEqual(INACTIVE)
  })
})
