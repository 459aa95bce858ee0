/** Tokens of somebody else on an open socket: it stays whose it is, and nothing is lost or left open by the attempt. */
import { afterEach, expect, test } from 'vitest'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  logIn,
  postForm,
  type Rig,
  session,
  type Tokens,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, makeUser } from './people.ts'

afterEach(closeRigs)

const MINUTE = 60_000
const BOB = { name: 'Bob', username: 'bob', password: 'bob-pass' }
const MISMATCH = { success: false, error: { code: 'identity_mismatch', message: 'The token is of another user.' } }

/** Bob's own socket, and the owner's. */
const begin = async (gateway: Rig) => {
  const owner = asker(await authenticated(gateway.url, (await session(gateway.url)).access_token))
  await makeUser(owner, BOB.username, BOB.password)
  const bob = asker(await authenticated(gateway.url, (await anotherSession(gateway.url, BOB)).access_token))
  return { owner, bob }
}

const sessionsOf = async (ask: Ask): Promise<number> =>
  ((await ask('auth/sessions')) as { result: { items: unknown[] } }).result.items.length

const refresh = async ({ url }: Rig, refresh_token: string): Promise<Tokens & { generation?: number }> => {
  const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
  return (await (await postForm(`${url}/auth/token`, fields)).json()) as Tokens
}

describeTransports('on the socket of another user', (start) => {
  test('a rotating refresh token makes no step, and its session goes on (B27)', async () => {
    const gateway = await start()
    const { owner, bob } = await begin(gateway)
    const fields = {
      grant_type: 'authorization_code',
      client_id: CLIENT_ID,
      code: await logIn(gateway.url),
      rotate: true,
    }
    const { result } = (await owner('auth/token', fields)) as { result: Tokens }
    const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: result.refresh_token }
    expect(await bob('auth/token', { ...shown, authenticate: true })).toMatchObject(MISMATCH)
    // Long after the window in which a token may come again: it has not been used.
    gateway.clock.move(MINUTE)
    expect((await refresh(gateway, result.refresh_token)).generation).toBe(1)
    expect(await bob('auth/current_user')).toMatchObject({ result: { name: 'bob' } })
  })

  test('a refresh token is no use of its session', async () => {
    const gateway = await start()
    const { owner, bob } = await begin(gateway)
    const { refresh_token } = await anotherSession(gateway.url)
    const used = async (): Promise<string[]> => {
      const { result } = (await owner('auth/sessions')) as { result: { items: { last_used_at: string }[] } }
      return result.items.map(({ last_used_at }) => last_used_at)
    }
    const before = await used()
    gateway.clock.move(MINUTE)
    const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token, authenticate: true }
    expect(await bob('auth/token', shown)).toMatchObject(MISMATCH)
    expect(await used()).toEqual(before)
    await refresh(gateway, refresh_token)
    expect(await used()).not.toEqual(before)
  })

  test('a code makes no session, and is used up', async () => {
    const gateway = await start()
    const { owner, bob } = await begin(gateway)
    const code = await logIn(gateway.url)
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code }
    expect(await bob('auth/token', { ...fields, authenticate: true })).toMatchObject(MISMATCH)
    expect(await sessionsOf(owner)).toBe(1)
    await expect(exchange(gateway.url, code)).rejects.toThrow('400')
    expect(await sessionsOf(owner)).toBe(1)
  })

  test('tokens are still given to whoever does not ask to go on with them', async () => {
    const gateway = await start()
    const { bob } = await begin(gateway)
    const { refresh_token } = await anotherSession(gateway.url)
    const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
    expect(await bob('auth/token', shown)).toMatchObject({ success: true })
    expect(await bob('auth/current_user')).toMatchObject({ result: { name: 'bob' } })
  })
})
