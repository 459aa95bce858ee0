/** Commands that want a person who proved lately to be there: which these are, and whose proof counts for how long. */
import { afterEach, expect, test } from 'vitest'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  logIn,
  type RawSocket,
  type RigSettings,
  rawSocket,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { told } from './members.ts'
import { type Ask, asker, makeUser } from './people.ts'
import { logInOn, MINUTE, mayBeSensitive, offer, PROVED, PROVIDER, stepUp } from './stepping-up.ts'

afterEach(closeRigs)

describeTransports('sensitive commands', (start) => {
  /** An owner with a session, and sockets of it. */
  const opened = async (settings: RigSettings = {}) => {
    const gateway = await start(settings)
    const tokens = await session(gateway.url)
    const open = async (offers = true): Promise<{ raw: RawSocket; ask: Ask }> => {
      const raw = await authenticated(gateway.url, tokens.access_token)
      const ask = asker(raw)
      if (offers) await offer(ask)
      return { raw, ask }
    }
    return { gateway, tokens, open, ...(await open()) }
  }

  test('are refused to an old session that can step up, and change nothing; whoever cannot is not asked (F10)', async () => {
    const { ask, open } = await opened()
    const { ask: plain } = await open(false)
    const { group } = (await told(plain, 'config/auth/groups/create', { name: 'g', policy: {} })) as {
      group: { id: string }
    }
    const bob = await makeUser(plain, 'bob', 'a long password')
    const { user } = (await told(plain, 'config/auth/create', { name: 'Eve' })) as { user: { id: string } }
    const sensitive: readonly (readonly [type: string, fields: object])[] = [
      [`${PROVIDER}/change_password`, { current_password: USER.password, new_password: 'a new password' }],
      ['auth/long_lived_access_token', { client_name: 'script', lifespan: 1 }],
      [`${PROVIDER}/create`, { user_id: user.id, username: 'eve', password: 'a long password' }],
      [`${PROVIDER}/admin_change_password`, { user_id: bob, password: 'another password' }],
      ['config/auth/groups/create', { name: 'h', policy: { entities: { all: { read: true } } } }],
      ['config/auth/groups/update', { group_id: group.id, name: 'G', policy: { entities: { all: { read: true } } } }],
      ['config/auth/create', { name: 'Zoe', group_ids: ['system-read-only'] }],
      ['config/auth/update', { user_id: bob, name: 'Rob', group_ids: ['system-users', 'system-admin'] }],
    ]
    const state = async () => [
      await told(plain, 'config/auth/list'),
      await told(plain, 'config/auth/groups/list'),
      ((await told(plain, 'auth/refresh_tokens')) as object[]).length,
    ]
    const unchanged = await state()
    for (const [type, fields] of sensitive) {
      expect(await ask(type, fields)).toMatchObject({
        error: { code: 'step_up_required', message: 'Log in once more on this socket first.' },
      })
    }
    expect(await state()).toEqual(unchanged)
    for (const [type, fields] of sensitive.slice(1))
      expect([type, await told(plain, type, fields)]).not.toContain('step_up_required')
    expect(await state()).not.toEqual(unchanged)
  })

  test('are those that widen rights and not those that narrow them (F10)', async () => {
    const { ask, open } = await opened()
    const { ask: plain } = await open(false)
    const policy = { entities: { all: { read: true, control: true } } }
    const { group } = (await told(plain, 'config/auth/groups/create', { name: 'g', policy })) as {
      group: { id: string }
    }
    const bob = await makeUser(plain, 'bob', 'a long password')
    const put = (who: Ask, group_ids: readonly string[]) => told(who, 'config/auth/update', { user_id: bob, group_ids })
    await put(plain, ['system-admin', 'system-users'])
    expect(await put(ask, ['system-users', 'system-read-only'])).toBe('step_up_required')
    expect(await put(ask, ['system-users'])).toMatchObject({ user: { group_ids: ['system-users'] } })
    expect(await put(ask, ['system-admin'])).toBe('step_up_required')
    expect(await put(ask, [])).toMatchObject({ user: { group_ids: [] } })
    expect(await told(ask, 'config/auth/update', { user_id: bob, name: 'Rob' })).toMatchObject({
      user: { name: 'Rob' },
    })
    expect(await told(ask, 'config/auth/create', { name: 'Zoe', group_ids: [] })).toHaveProperty('user')
    const change = (fields: object) => told(ask, 'config/auth/groups/update', { group_id: group.id, ...fields })
    expect(await change({ name: 'G' })).toHaveProperty('group')
    expect(await change({ policy: { entities: { all: { read: true } } } })).toHaveProperty('group')
    expect(await change({ policy: { entities: { all: { control: true } } } })).toBe('step_up_required')
    expect(await told(ask, 'config/auth/groups/create', { name: 'empty', policy: { entities: {} } })).toHaveProperty(
      'group',
    )
    expect(await told(ask, 'config/auth/groups/delete', { group_id: group.id })).toBe(null)
  })

  test('tell who may not, and what does not fit, before they ask for a proof', async () => {
    const { gateway, ask, open } = await opened()
    const { ask: plain } = await open(false)
    await makeUser(plain, 'bob', 'a long password')
    const bobs = await anotherSession(gateway.url, { name: 'bob', username: 'bob', password: 'a long password' })
    const bob = asker(await authenticated(gateway.url, bobs.access_token))
    await offer(bob)
    for (const type of [`${PROVIDER}/create`, `${PROVIDER}/admin_change_password`]) {
      const fields = type.endsWith('create') ? { username: 'x' } : {}
      expect(await told(bob, type, { user_id: 'x', password: 'y', ...fields })).toBe('unauthorized')
      expect(await told(ask, type, { user_id: 5 })).toBe('invalid_format')
    }
    expect(await told(bob, 'auth/long_lived_access_token', { client_name: 'x', lifespan: 1 })).toBe('step_up_required')
    expect(await told(bob, 'config/auth/groups/create', { name: 'x', policy: { entities: true } })).toBe('unauthorized')
    expect(await told(ask, 'config/auth/groups/create', { name: 'x', policy: { nothing: true } })).toBe(
      'invalid_format',
    )
    expect(await told(ask, 'config/auth/groups/update', { group_id: 'x', policy: { entities: true } })).toBe(
      'not_found',
    )
    expect(await told(ask, 'config/auth/update', { user_id: 'x', group_ids: ['system-admin'] })).toBe('not_found')
    expect(await told(ask, 'config/auth/update', { user_id: 'x', group_ids: ['nope'] })).toBe('not_found')
  })

  test('follow a step-up for five minutes by the monotonic clock, on its socket and on no other of the session (F10)', async () => {
    const { gateway, ask, open } = await opened()
    const { ask: other } = await open()
    expect([await mayBeSensitive(ask), await mayBeSensitive(other)]).toEqual([false, false])
    expect(await stepUp(ask)).toMatchObject(PROVED)
    expect([await mayBeSensitive(ask), await mayBeSensitive(other)]).toEqual([true, false])
    expect(await mayBeSensitive((await open()).ask)).toBe(false)
    gateway.clock.jump(60 * MINUTE)
    gateway.clock.move(4.9 * MINUTE)
    expect(await mayBeSensitive(ask)).toBe(true)
    gateway.clock.jump(-120 * MINUTE)
    gateway.clock.move(0.1 * MINUTE)
    expect(await mayBeSensitive(ask)).toBe(false)
    expect(await stepUp(ask)).toMatchObject(PROVED)
    expect(await mayBeSensitive(ask)).toBe(true)
  })

  test('follow a step-up that came before the client said that it can', async () => {
    const { open } = await opened()
    const { ask } = await open(false)
    expect(await stepUp(ask)).toMatchObject(PROVED)
    await offer(ask)
    expect(await mayBeSensitive(ask)).toBe(true)
  })

  test('are asked for as long as the socket lives: what was said is not taken back', async () => {
    const { ask, open } = await opened()
    await told(ask, 'supported_features', { features: { coalesce_messages: true } })
    expect(await mayBeSensitive(ask)).toBe(false)
    const { ask: never } = await open(false)
    await told(never, 'supported_features', { features: { step_up: 0, coalesce_messages: 1 } })
    expect(await mayBeSensitive(never)).toBe(true)
  })

  test('follow a login on the socket for five minutes, and no refresh and no token from elsewhere (F10)', async () => {
    const { gateway, tokens } = await opened()
    const { url, clock } = gateway
    const raw = rawSocket(url)
    await raw.next()
    const ask = asker(raw)
    await logInOn(ask)
    expect(await raw.next()).toMatchObject({ type: 'auth_ok' })
    await offer(ask)
    expect(await mayBeSensitive(ask)).toBe(true)
    clock.move(5 * MINUTE)
    expect(await mayBeSensitive(ask)).toBe(false)
    // On an open socket it is a login too.
    await logInOn(ask)
    expect(await mayBeSensitive(ask)).toBe(true)

    const refreshing = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: tokens.refresh_token }
    const second = rawSocket(url)
    await second.next()
    const refreshed = asker(second)
    await told(refreshed, 'auth/token', { ...refreshing, authenticate: true })
    expect(await second.next()).toMatchObject({ type: 'auth_ok' })
    await offer(refreshed)
    expect(await mayBeSensitive(refreshed)).toBe(false)

    // A code that was exchanged on the socket, whose token is then shown on another one.
    const code = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: await logIn(url) }
    const { access_token } = (await told(refreshed, 'auth/token', code)) as { access_token: string }
    expect(await mayBeSensitive(refreshed)).toBe(false)
    expect(await told(refreshed, 'auth/renew', { access_token })).toHaveProperty('expires_in')
    expect(await mayBeSensitive(refreshed)).toBe(false)
  })

  test('are neither given nor taken by a renewal in place', async () => {
    const { gateway, tokens, ask, open } = await opened()
    const refreshing = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: tokens.refresh_token }
    const { access_token } = await anotherSession(gateway.url)
    const renew = async (who: Ask): Promise<void> => {
      expect(await told(who, 'auth/renew', { access_token })).toHaveProperty('expires_in')
      expect(await told(who, 'auth/token', { ...refreshing, authenticate: true })).toHaveProperty('access_token')
    }
    await renew(ask)
    expect(await mayBeSensitive(ask)).toBe(false)
    await stepUp(ask)
    gateway.clock.move(4 * MINUTE)
    await renew(ask)
    expect(await mayBeSensitive(ask)).toBe(true)
    gateway.clock.move(MINUTE)
    expect(await mayBeSensitive(ask)).toBe(false)
    expect(await mayBeSensitive((await open()).ask)).toBe(false)
  })
})
