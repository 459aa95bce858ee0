/** Sessions with their live sockets: listed, ended with a receipt, and heard of. */
import { afterEach, expect, test } from 'vitest'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  postForm,
  type RawSocket,
  type Rig,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, makeUser } from './people.ts'

afterEach(closeRigs)

const MINUTE = 60_000
const OTHER_CLIENT = 'https://b.example/'

interface Listed {
  readonly id: string
  readonly is_current: boolean
  readonly client_id: string
  readonly user_name?: string
  readonly sockets: readonly { readonly address: string; readonly node: string }[]
}

const list = async (ask: Ask, type = 'auth/sessions', fields: object = {}) =>
  ((await ask(type, fields)) as { result: { items: Listed[]; next: string | null } }).result

interface Receipt {
  readonly seq: number
  readonly revoked: number
  readonly sockets_closed: number
  readonly propagated: boolean
  readonly nodes?: readonly unknown[]
}

const revoke = async (ask: Ask, fields: object): Promise<Receipt> =>
  ((await ask('config/auth/revoke', fields)) as { result: Receipt }).result

/** Bob, logged in with a client. */
const bob = async ({ url }: Rig, ask: Ask, client = CLIENT_ID) => {
  await makeUser(ask, 'bob', 'bob-pass')
  return bobAgain(url, client)
}
const bobAgain = async (url: string, client = CLIENT_ID) => {
  const person = { name: 'Bob', username: 'bob', password: 'bob-pass' }
  return exchange(url, await logIn(url, client, `${client}/callback`, person), client)
}

const closeOf = async (raw: RawSocket): Promise<number> => (await raw.closed).code

describeTransports('sessions', (start) => {
  test('are listed page by page in the order in which they began, each with its live sockets', async () => {
    const gateway = await start()
    const first = await session(gateway.url)
    const raw = await authenticated(gateway.url, first.access_token)
    const ask = asker(raw)
    const others = []
    for (let i = 0; i < 4; i++) others.push(await anotherSession(gateway.url))
    const second = await authenticated(gateway.url, others[1]!.access_token)
    await authenticated(gateway.url, others[1]!.access_token)

    const { items, next } = await list(ask)
    expect(next).toBe(null)
    expect(items.map(({ id }) => id).sort()).toEqual([first, ...others].map((one) => grantOf(one.access_token)).sort())
    expect(items.filter(({ is_current }) => is_current).map(({ id }) => id)).toEqual([grantOf(first.access_token)])
    expect(items.map(({ id, sockets }) => [id, sockets.length])).toContainEqual([grantOf(others[1]!.access_token), 2])
    expect(items[0]).toMatchObject({ client_id: CLIENT_ID, type: 'normal', auth_provider_type: 'homeassistant' })
    expect(items.flatMap(({ sockets }) => sockets)[0]).toEqual({
      node: expect.stringMatching(/^[0-9a-f]{32}$/),
      since: expect.stringMatching(/Z$/),
      address: '127.0.0.1',
    })

    const paged: string[] = []
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(ask, 'auth/sessions', { limit: 2, after })
      expect(page.items.length).toBeLessThanOrEqual(2)
      paged.push(...page.items.map(({ id }) => id))
      after = page.next
    } while (after !== null)
    expect(paged).toEqual(items.map(({ id }) => id))
    expect(await ask('auth/sessions', { after: 'x' })).toMatchObject({ error: { code: 'invalid_format' } })

    second.socket.close()
    await second.closed
    await expect.poll(async () => (await list(ask)).items.flatMap(({ sockets }) => sockets).length).toBe(2)
  })

  test('are ended one by one, with a receipt that counts their sockets', async () => {
    const gateway = await start()
    const mine = await session(gateway.url)
    const ask = asker(await authenticated(gateway.url, mine.access_token))
    const other = await anotherSession(gateway.url)
    const sockets = [
      await authenticated(gateway.url, other.access_token),
      await authenticated(gateway.url, other.access_token),
    ]
    const id = grantOf(other.access_token)
    expect(await ask('auth/revoke_session', { refresh_token_id: id, wait: 'cluster' })).toMatchObject({
      success: true,
      result: {
        revoked: 1,
        sockets_closed: 2,
        propagated: true,
        nodes: [{ applied: true }],
        took_ms: expect.any(Number),
        seq: expect.any(Number),
      },
    })
    expect(await Promise.all(sockets.map(closeOf))).toEqual([4200, 4200])
    expect(await ask('auth/revoke_session', { refresh_token_id: id })).toMatchObject({
      success: false,
      error: { code: 'invalid_token_id', message: 'Received invalid token' },
    })
  })

  test('one’s own is ended with a receipt, then the close', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    const answer = await asker(raw)('auth/revoke_session', { refresh_token_id: grantOf(access_token) })
    expect(answer).toMatchObject({ success: true, result: { revoked: 1, sockets_closed: 1, propagated: true } })
    expect(await closeOf(raw)).toBe(4200)
  })

  test('of another user cannot be ended or told from unknown ones (F6)', async () => {
    const gateway = await start()
    const owner = await session(gateway.url)
    const ask = asker(await authenticated(gateway.url, owner.access_token))
    const bobs = await bob(gateway, ask)
    const his = asker(await authenticated(gateway.url, bobs.access_token))
    const errors = []
    for (const refresh_token_id of [grantOf(owner.access_token), 'f'.repeat(32)]) {
      errors.push(((await his('auth/revoke_session', { refresh_token_id })) as { error: unknown }).error)
    }
    expect(errors[0]).toEqual(errors[1])
    expect((await list(his)).items).toHaveLength(1)
    const admins: readonly (readonly [string, object])[] = [
      ['config/auth/sessions', {}],
      ['config/auth/revoke', { all: true }],
      ['config/auth/subscribe', {}],
    ]
    for (const [type, fields] of admins) {
      expect(await his(type, fields)).toMatchObject({ error: { code: 'unauthorized' } })
    }
  })

  test('of everybody are listed by an administrator, and ended by whatever names them', async () => {
    const gateway = await start()
    const { url, clock } = gateway
    const owner = await session(url)
    const ask = asker(await authenticated(url, owner.access_token))
    const first = await bob(gateway, ask)
    const all = 'config/auth/sessions'
    expect((await list(ask, all)).items.map(({ user_name }) => user_name)).toEqual([USER.name, 'bob'])

    const users = (await ask('config/auth/list')) as { result: { id: string; username: string }[] }
    const bobId = users.result.find(({ username }) => username === 'bob')!.id
    const socket = await authenticated(url, first.access_token)
    expect((await list(ask, all, { user_id: bobId })).items.map(({ sockets }) => sockets.length)).toEqual([1])
    expect(await revoke(ask, { user_id: bobId })).toMatchObject({ revoked: 1, sockets_closed: 1, propagated: true })
    expect(await closeOf(socket)).toBe(4200)

    const second = await bobAgain(url, OTHER_CLIENT)
    expect((await list(ask, all, { client_id: OTHER_CLIENT })).items.map(({ id }) => id)).toEqual([
      grantOf(second.access_token),
    ])
    expect(await revoke(ask, { client_id: OTHER_CLIENT })).toMatchObject({ revoked: 1, sockets_closed: 0 })

    await bobAgain(url)
    expect(await revoke(ask, { group_id: 'system-users' })).toMatchObject({ revoked: 1 })

    const old = await bobAgain(url)
    clock.move(MINUTE)
    const issued_before = new Date(clock.now()).toISOString()
    clock.move(MINUTE)
    const young = await bobAgain(url)
    const me = grantOf(owner.access_token)
    // The owner's session is older as well: what asks for it gets it.
    await ask('auth/refresh_token_set_expiry', { refresh_token_id: me, enable_expiry: true })
    expect(await revoke(ask, { refresh_token_id: grantOf(old.access_token) })).toMatchObject({ revoked: 1 })
    expect(await revoke(ask, { refresh_token_id: grantOf(old.access_token) })).toMatchObject({ revoked: 0 })
    expect(await revoke(ask, { all: true })).toMatchObject({ revoked: 1, sockets_closed: 0 })
    expect((await list(ask, all)).items.map(({ id }) => id)).toEqual([me])
    expect(
      (
        await postForm(`${url}/auth/token`, {
          grant_type: 'refresh_token',
          client_id: CLIENT_ID,
          refresh_token: young.refresh_token,
        })
      ).status,
    ).toBe(400)
    expect(await revoke(ask, { issued_before })).toMatchObject({ revoked: 1, sockets_closed: 1 })
  })

  test('are named in exactly one way', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const ask = asker(await authenticated(gateway.url, access_token))
    for (const fields of [{}, { include_self: true }, { all: true, user_id: 'x' }, { user_id: 'x', client_id: 'y' }]) {
      expect(await ask('config/auth/revoke', fields)).toMatchObject({
        error: { code: 'invalid_format', message: 'exactly one of the ways to name sessions is needed' },
      })
    }
    expect(await ask('config/auth/revoke', { all: false })).toMatchObject({ error: { code: 'invalid_format' } })
    expect(await ask('config/auth/revoke', { issued_before: 'yesterday' })).toMatchObject({
      error: { code: 'invalid_format' },
    })
  })

  test('are heard of by their user and by administrators, and by nobody else', async () => {
    const gateway = await start()
    const { url } = gateway
    const owner = await session(url)
    const admin = await authenticated(url, owner.access_token)
    const ask = asker(admin)
    const bobs = await bob(gateway, ask)
    const his = await authenticated(url, bobs.access_token)
    expect(await asker(his)('auth/subscribe')).toMatchObject({ result: { generation: null } })
    const hears = await authenticated(url, owner.access_token)
    await asker(hears)('config/auth/subscribe')
    const own = await authenticated(url, owner.access_token)
    await asker(own)('auth/subscribe')

    const more = await bobAgain(url)
    const added = { type: 'session_added', refresh_token_id: grantOf(more.access_token) }
    expect(await his.next()).toMatchObject({ id: 1, type: 'event', event: added })
    expect(await hears.next()).toMatchObject({ id: 1, type: 'event', event: { ...added, user_id: expect.any(String) } })
    await postForm(`${url}/auth/revoke`, { token: more.refresh_token })
    const removed = { type: 'session_removed', refresh_token_id: grantOf(more.access_token), reason: 'revoked' }
    expect(await his.next()).toMatchObject({ event: removed })
    expect(await hears.next()).toMatchObject({ event: removed })

    const users = (await ask('config/auth/list')) as { result: { id: string; username: string }[] }
    const user_id = users.result.find(({ username }) => username === 'bob')!.id
    await ask('config/auth/update', { user_id, name: 'Robert' })
    expect(await his.next()).toMatchObject({ event: { type: 'user_changed' } })
    expect(await hears.next()).toMatchObject({ event: { type: 'user_updated', user_id } })
    his.send({ id: 2, type: 'unsubscribe_events', subscription: 1 })
    expect(await his.next()).toMatchObject({ id: 2, success: true })
    await bobAgain(url)
    his.send({ id: 3, type: 'ping' })
    expect(await his.next()).toEqual({ id: 3, type: 'pong' })
    // The owner's own subscription heard nothing of all this.
    own.send({ id: 2, type: 'ping' })
    expect(await own.next()).toEqual({ id: 2, type: 'pong' })
  })
})

describeTransports('a socket that lives as long as its access token', (start) => {
  const settings = {
    'sessions.socket_lifetime': 'access_token',
    'sessions.expiry_notice': '30s',
    'tokens.access_token_lifetime': '2m',
  } as const
  const fresh = async ({ url }: Rig, refresh_token: string): Promise<string> => {
    const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
    return ((await (await postForm(`${url}/auth/token`, fields)).json()) as { access_token: string }).access_token
  }

  test('is told before its end, and closed with 4100 (B7)', async () => {
    const gateway = await start(settings)
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    await asker(raw)('auth/subscribe')
    gateway.clock.move(89_000)
    raw.send({ id: 2, type: 'ping' })
    expect(await raw.next()).toEqual({ id: 2, type: 'pong' })
    gateway.clock.move(2000)
    expect(await raw.next()).toMatchObject({
      id: 1,
      type: 'event',
      event: { type: 'expiring', in: expect.any(Number) },
    })
    gateway.clock.move(31_000)
    expect(await closeOf(raw)).toBe(4100)
  })

  test('who subscribes in the last moments is told at once, after the answer', async () => {
    const gateway = await start(settings)
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    gateway.clock.move(100_000)
    raw.send({ id: 1, type: 'auth/subscribe' })
    expect(await raw.next()).toMatchObject({ id: 1, type: 'result', success: true })
    expect(await raw.next()).toEqual({ id: 1, type: 'event', event: { type: 'expiring', in: expect.any(Number) } })
  })

  test('goes on as often as it is renewed, each time for the new token’s life', async () => {
    const gateway = await start(settings)
    const { access_token, refresh_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    const ask = asker(raw)
    for (let i = 0; i < 4; i++) {
      gateway.clock.move(55_000)
      expect(await ask('ping')).toMatchObject({ type: 'pong' })
      gateway.clock.move(50_000)
      const answer = await ask('auth/renew', { access_token: await fresh(gateway, refresh_token) })
      expect(answer).toMatchObject({
        success: true,
        result: { expires_in: expect.toSatisfy((seconds: number) => seconds >= 118) },
      })
    }
    gateway.clock.move(55_000)
    await ask('ping')
    gateway.clock.move(66_000)
    expect(await closeOf(raw)).toBe(4100)
  })

  test('is not ended by the clock of ten years: a long-lived token keeps it open', async () => {
    const gateway = await start(settings)
    const { access_token } = await session(gateway.url)
    const ask = asker(await authenticated(gateway.url, access_token))
    const fields = { client_name: 'a script', lifespan: 3650 }
    const { result } = (await ask('auth/long_lived_access_token', fields)) as { result: string }
    const raw = await authenticated(gateway.url, result)
    const asks = asker(raw)
    for (let i = 0; i < 10; i++) {
      gateway.clock.move(50_000)
      expect(await asks('ping')).toMatchObject({ type: 'pong' })
    }
  })

  test('is not moved by a wall clock that is set', async () => {
    const gateway = await start(settings)
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    const ask = asker(raw)
    gateway.clock.jump(3_600_000)
    gateway.clock.move(50_000)
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
    gateway.clock.jump(-7_200_000)
    gateway.clock.move(50_000)
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
    gateway.clock.move(21_000)
    expect(await closeOf(raw)).toBe(4100)
  })
})
