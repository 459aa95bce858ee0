/** Logins that fail, as administrators hear of them. */
import { afterEach, expect, test } from 'vitest'
import { authenticated, closeRigs, type Rig, rawSocket, session, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { told } from './members.ts'
import { addCredential, enterAnew, HANDLER, listed, PASSWORD } from './newcomers.ts'
import { type Ask, asker, enter, flow, makeUser } from './people.ts'

afterEach(closeRigs)

const FROM_AFAR = { 'x-forwarded-for': '8.8.8.8', 'x-forwarded-proto': 'http' }

describeTransports('a login that fails', (start) => {
  /** The owner twice: once to act, once to hear. */
  const begin = async () => {
    const gateway = await start({ 'server.trusted_proxies': '127.0.0.1', 'limits.pending_users.total': '1' })
    const { access_token } = await session(gateway.url)
    const hearing = await authenticated(gateway.url, access_token)
    await asker(hearing)('config/auth/subscribe')
    /** The next that was heard of failures. */
    const heard = async (): Promise<unknown> => {
      for (;;) {
        const { event } = (await hearing.next()) as { event: { type: string } }
        if (event.type === 'login_failed') return event
      }
    }
    return { gateway, owner: asker(await authenticated(gateway.url, access_token)), heard }
  }
  const wrong = async ({ url }: Rig, username: string, password = 'wrong', headers = {}) =>
    enter(url, await flow(url, headers), username, password, headers)
  const failed = (user_id: string | null, reason: string, address = '127.0.0.1') => ({
    type: 'login_failed',
    user_id,
    address,
    reason,
    at: expect.stringMatching(/Z$/),
  })
  const idOf = async (owner: Ask, username: string): Promise<string> => (await listed(owner, username)).id

  test('is heard of with whose it was, wherever it came, and never with what was typed', async () => {
    const { gateway, owner, heard } = await begin()
    const id = await idOf(owner, USER.username)
    await wrong(gateway, ` ${USER.username.toUpperCase()} `)
    expect(await heard()).toEqual(failed(id, 'invalid_auth'))
    // Perhaps a password in the wrong field.
    await wrong(gateway, 'my-secret-password')
    expect(await heard()).toEqual(failed(null, 'invalid_auth'))
    const raw = rawSocket(gateway.url)
    await raw.next()
    const ask = asker(raw)
    const { flow_id } = (await told(ask, 'auth/login_flow', {
      client_id: 'https://example.com/app',
      handler: HANDLER,
    })) as { flow_id: string }
    await ask('auth/login_flow/step', { flow_id, user_input: { username: USER.username, password: 'wrong' } })
    expect(await heard()).toEqual(failed(id, 'invalid_auth'))
  })

  test('is heard of though the password was right, with the reason', async () => {
    const { gateway, owner, heard } = await begin()
    const id = await makeUser(owner, 'bob', PASSWORD)
    await told(owner, 'config/auth/update', { user_id: id, local_only: true })
    await wrong(gateway, 'bob', PASSWORD, FROM_AFAR)
    expect(await heard()).toEqual(failed(id, 'remote', '8.8.8.8'))
    await told(owner, 'config/auth/update', { user_id: id, is_active: false })
    await wrong(gateway, 'bob', PASSWORD)
    expect(await heard()).toEqual(failed(id, 'user_inactive'))

    for (const name of ['ann', 'eve']) await addCredential(gateway, name)
    await enterAnew(gateway, 'ann')
    await enterAnew(gateway, 'eve')
    expect(await heard()).toEqual(failed(null, 'not_allowed'))
    const ann = await idOf(owner, 'ann')
    await told(owner, 'config/auth/reject', { user_id: ann })
    await enterAnew(gateway, 'ann')
    expect(await heard()).toEqual(failed(ann, 'rejected'))
    // A login that goes on is none that failed: the next that is heard of is another.
    await enterAnew(gateway, 'eve')
    await wrong(gateway, USER.username)
    expect(await heard()).toEqual(failed(await idOf(owner, USER.username), 'invalid_auth'))
  })
})
