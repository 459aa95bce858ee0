/** What ends by itself, and when; and what a wall clock that is set does to it. */
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  type MovableClock,
  postForm,
  type RawSocket,
  type Rig,
  rawSocket,
  rig,
  session,
  USER,
} from '../rig.ts'
import { asker, enter, flow, read, startFlow } from './people.ts'

afterEach(closeRigs)

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 86_400 * SECOND
/** A token is good for so long after its end (Home Assistant's rule). */
const LEEWAY = 10 * SECOND

const UNAUTHORIZED = { status: 401, body: { message: 'Unauthorized.' } }
const RUNNING = { status: 200, body: { message: 'API running.' } }
const INVALID_CODE = { status: 400, body: { error: 'invalid_request', error_description: 'Invalid code' } }

const bearer = async ({ url }: Rig, token: string) =>
  read(await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${token}` } }))

const redeem = async ({ url }: Rig, code: string) =>
  read(await postForm(`${url}/auth/token`, { grant_type: 'authorization_code', client_id: CLIENT_ID, code }))

const refresh = async ({ url }: Rig, refresh_token: string) =>
  read(await postForm(`${url}/auth/token`, { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }))

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iat: number; exp: number }

const moveTo = (clock: MovableClock, at: number): void => clock.move(at - clock.now())

/** The first answer to a token on a socket of its own, and how that closes if it does. */
const knock = async ({ url }: Rig, token: string): Promise<unknown> => {
  const raw = rawSocket(url)
  await raw.next()
  raw.send({ type: 'auth', access_token: token })
  const { type, message } = (await raw.next()) as { type: string; message?: string }
  if (type === 'auth_ok') {
    raw.socket.close()
    return type
  }
  return [type, message, (await raw.closed).code]
}

/** Resolves when the server has answered a ping of the transport: it had not closed the socket by then. */
const isThere = async ({ socket }: RawSocket): Promise<void> => {
  const pong = once(socket, 'pong')
  socket.ping()
  await pong
  expect(socket.readyState).toBe(socket.OPEN)
}

const REFUSED = ['auth_invalid', 'Invalid access token or password', 4202]

describe('an access token', () => {
  test('is good until ten seconds after its end, at the API and for a new socket (B7)', async () => {
    const gateway = await rig()
    const { access_token, expires_in } = await session(gateway.url)
    const { iat, exp } = claimsOf(access_token)
    expect([exp - iat, expires_in]).toEqual([1800, 1800])
    // Seen before or not: both ways to judge it are asked.
    expect(await bearer(gateway, access_token)).toEqual(RUNNING)
    moveTo(gateway.clock, exp * SECOND + LEEWAY / 2)
    expect(await bearer(gateway, access_token)).toEqual(RUNNING)
    expect(await knock(gateway, access_token)).toBe('auth_ok')
    moveTo(gateway.clock, exp * SECOND + LEEWAY)
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
    expect(await knock(gateway, access_token)).toEqual(REFUSED)
    await gateway.restart()
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
    expect(await knock(gateway, access_token)).toEqual(REFUSED)
  })

  test('lives as long as tokens.access_token_lifetime says', async () => {
    const gateway = await rig({ 'tokens.access_token_lifetime': '90s' })
    const { access_token, expires_in } = await session(gateway.url)
    const { iat, exp } = claimsOf(access_token)
    expect([exp - iat, expires_in]).toEqual([90, 90])
    moveTo(gateway.clock, exp * SECOND + LEEWAY)
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
  })

  test('that has ended leaves its socket open, which is closed when the session ends (B7)', async () => {
    const gateway = await rig({ 'tokens.refresh_token_idle': '1h' })
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    const ask = asker(raw)
    gateway.clock.move(31 * MINUTE)
    expect(await ask('ping')).toEqual({ id: 1, type: 'pong' })
    expect(await ask('auth/current_user')).toMatchObject({ id: 2, success: true, result: { name: USER.name } })
    gateway.clock.move(30 * MINUTE)
    expect(await raw.closed).toEqual({ code: 4200, reason: '' })
  })
})

describe('a long-lived token', () => {
  test.each([
    [1, DAY],
    [3650, 3650 * DAY],
  ])('of %i days lives so long, and has no idle end (B14)', async (lifespan, lifetime) => {
    const gateway = await rig()
    const ask = asker(await authenticated(gateway.url, (await session(gateway.url)).access_token))
    const { result: token } = (await ask('auth/long_lived_access_token', { client_name: 'a script', lifespan })) as {
      result: string
    }
    const { iat, exp } = claimsOf(token)
    expect((exp - iat) * SECOND).toBe(lifetime)
    const listed = (await ask('auth/refresh_tokens')) as { result: object[] }
    expect(listed.result).toContainEqual(
      expect.objectContaining({ id: grantOf(token), type: 'long_lived_access_token', expire_at: null }),
    )
    moveTo(gateway.clock, exp * SECOND - MINUTE)
    expect(await bearer(gateway, token)).toEqual(RUNNING)
    moveTo(gateway.clock, exp * SECOND + LEEWAY)
    expect(await bearer(gateway, token)).toEqual(UNAUTHORIZED)
    expect(await knock(gateway, token)).toEqual(REFUSED)
  })
})

describe('a code', () => {
  test.each([
    ['10m', 10 * MINUTE],
    ['60s', MINUTE],
  ])('is good for less than %s', async (setting, lifetime) => {
    const gateway = await rig({ 'tokens.authorization_code_lifetime': setting })
    await session(gateway.url)
    const inTime = await logIn(gateway.url)
    gateway.clock.move(lifetime - 20 * SECOND)
    expect((await redeem(gateway, inTime)).status).toBe(200)
    const late = await logIn(gateway.url)
    gateway.clock.move(lifetime)
    expect(await redeem(gateway, late)).toEqual(INVALID_CODE)
    expect(await redeem(gateway, late)).toEqual(INVALID_CODE)
  })

  test('presented again ends the session made from it, also after its time (C8, C9)', async () => {
    const gateway = await rig()
    await session(gateway.url)
    for (const wait of [0, 15 * MINUTE]) {
      const code = await logIn(gateway.url)
      const { access_token, refresh_token } = await exchange(gateway.url, code)
      const raw = await authenticated(gateway.url, access_token)
      gateway.clock.move(wait)
      expect(await redeem(gateway, code)).toEqual(INVALID_CODE)
      expect(await raw.closed).toEqual({ code: 4200, reason: '' })
      expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
      expect(await refresh(gateway, refresh_token)).toEqual({ status: 400, body: { error: 'invalid_grant' } })
    }
  })
})

describe('a login flow', () => {
  const FULL = { status: 429, body: { message: 'Too many logins are open' } }
  const start = async ({ url }: Rig, headers: Record<string, string> = {}) => {
    const { status, body } = await read(await startFlow(url, {}, headers))
    return status === 200 ? 200 : { status, body }
  }

  test('is open for ten minutes, over for ten more, and unknown then (D18)', async () => {
    const gateway = await rig()
    await session(gateway.url)
    const id = await flow(gateway.url)
    const step = async () => read(await enter(gateway.url, id, USER.username, 'wrong'))
    gateway.clock.move(10 * MINUTE - 20 * SECOND)
    expect(await step()).toMatchObject({ status: 200, body: { type: 'form', errors: { base: 'invalid_auth' } } })
    gateway.clock.move(20 * SECOND)
    const over = {
      status: 200,
      body: {
        type: 'abort',
        flow_id: id,
        handler: ['homeassistant', null],
        reason: 'login_expired',
        description_placeholders: null,
      },
    }
    expect(await step()).toEqual(over)
    // The right password does not help.
    expect(await read(await enter(gateway.url, id, USER.username, USER.password))).toEqual(over)
    gateway.clock.move(9 * MINUTE)
    expect(await step()).toEqual(over)
    gateway.clock.move(2 * MINUTE)
    await vi.waitFor(async () => {
      expect(await step()).toEqual({ status: 404, body: { message: 'Invalid flow specified' } })
    })
  })

  test('finds no room where as many that were typed into are open as may be; a finished, an ended and an expired one make room (D18)', async () => {
    const gateway = await rig({ 'limits.login_flows.total': '3', 'limits.login_flows.lifetime': '1m' })
    await session(gateway.url)
    const typed = async (): Promise<string> => {
      const id = await flow(gateway.url)
      expect((await enter(gateway.url, id, USER.username, 'wrong')).status).toBe(200)
      return id
    }
    const [first, second] = [await typed(), await typed(), await typed()]
    expect(await start(gateway)).toEqual(FULL)
    expect((await enter(gateway.url, first, USER.username, USER.password)).status).toBe(200)
    await typed()
    expect(await start(gateway)).toEqual(FULL)
    await fetch(`${gateway.url}/auth/login_flow/${second}`, { method: 'DELETE' })
    await typed()
    expect(await start(gateway)).toEqual(FULL)
    gateway.clock.move(MINUTE)
    expect(await start(gateway)).toBe(200)
  })

  test('that nobody typed into makes room for the next of its network, and a neighbour who starts many meets his own cap first (D18, D31)', async () => {
    const gateway = await rig({ 'limits.login_flows.per_address': '2', 'server.trusted_proxies': '127.0.0.1' })
    await session(gateway.url)
    const from = (address: string) => flow(gateway.url, { 'x-forwarded-for': address })
    const stepAt = async (id: string, address: string) =>
      (await enter(gateway.url, id, USER.username, 'wrong', { 'x-forwarded-for': address })).status
    const [oldest, younger] = [await from('2001:db8:1:2::1'), await from('2001:db8:1:2::2')]
    const elsewhere = await from('2001:db8:1:3::1')
    for (let i = 0; i < 5; i++) await from('2001:db8:1:2::3')
    expect([await stepAt(oldest, '2001:db8:1:2::1'), await stepAt(younger, '2001:db8:1:2::2')]).toEqual([404, 404])
    expect(await stepAt(elsewhere, '2001:db8:1:3::1')).toBe(200)
    const [mine, his] = [await from('2001:db8:1:2::1'), await from('2001:db8:1:2::3')]
    expect(await stepAt(mine, '2001:db8:1:2::1')).toBe(200)
    for (let i = 0; i < 5; i++) await from('2001:db8:1:2::3')
    expect(await stepAt(mine, '2001:db8:1:2::1')).toBe(200)
    expect(await stepAt(his, '2001:db8:1:2::3')).toBe(404)
  })
})

describe('a wall clock that is set', () => {
  const HOUR = 60 * MINUTE

  test('back: what was made later than now is refused until then, and open sockets go on (B18)', async () => {
    const gateway = await rig()
    const { access_token, refresh_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    gateway.clock.jump(-LEEWAY / 2)
    expect(await bearer(gateway, access_token)).toEqual(RUNNING)
    gateway.clock.jump(-3 * HOUR)
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
    expect(await knock(gateway, access_token)).toEqual(REFUSED)
    expect(await asker(raw)('ping')).toEqual({ id: 1, type: 'pong' })
    // A new one is of the time that the clock shows now.
    const { body } = await refresh(gateway, refresh_token)
    expect(await bearer(gateway, (body as { access_token: string }).access_token)).toEqual(RUNNING)
    gateway.clock.jump(3 * HOUR + LEEWAY / 2)
    expect(await bearer(gateway, access_token)).toEqual(RUNNING)
  })

  test('back: a session that has ended does not come back (B18)', async () => {
    const gateway = await rig({ 'tokens.refresh_token_idle': '1h' })
    const { access_token, refresh_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    gateway.clock.move(HOUR)
    await raw.closed
    gateway.clock.jump(-HOUR)
    expect(await refresh(gateway, refresh_token)).toEqual({ status: 400, body: { error: 'invalid_grant' } })
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
  })

  /** Minutes pass, each with all that it brings about. */
  const pass = async ({ clock }: Rig, minutes: number): Promise<void> => {
    for (let i = 0; i < minutes; i++) {
      clock.move(MINUTE)
      await nextTurn()
    }
  }
  const jumps = ({ logged }: Rig) =>
    logged.filter(({ msg }) => String(msg).startsWith('clock_jump')).map(({ seconds }) => seconds)

  test('a year forward and back within ten minutes ends no session (B18)', async () => {
    const gateway = await rig()
    const { access_token, refresh_token } = await session(gateway.url)
    await pass(gateway, 10)
    gateway.clock.jump(365 * DAY)
    await pass(gateway, 1)
    await expect.poll(() => jumps(gateway)).toEqual([365 * 86_400])
    expect(await bearer(gateway, access_token)).toEqual(UNAUTHORIZED)
    await pass(gateway, 8)
    gateway.clock.jump(-365 * DAY)
    await pass(gateway, 1)
    await expect.poll(() => jumps(gateway)).toEqual([365 * 86_400, -365 * 86_400])
    expect(await bearer(gateway, access_token)).toEqual(RUNNING)
    expect((await refresh(gateway, refresh_token)).status).toBe(200)
  })

  test('a year forward for more than ten minutes ends what would have ended in it (B18)', async () => {
    const gateway = await rig()
    const { refresh_token } = await session(gateway.url)
    await pass(gateway, 10)
    gateway.clock.jump(365 * DAY)
    await pass(gateway, 15)
    const ended = () => gateway.logged.filter(({ msg }) => msg === 'grants expired').map(({ grants }) => grants)
    await expect.poll(ended).toEqual([1])
    gateway.clock.jump(-365 * DAY)
    expect(await refresh(gateway, refresh_token)).toEqual({ status: 400, body: { error: 'invalid_grant' } })
  })

  test.each([-HOUR, HOUR])('by %i ms neither moves nor meets the deadline of a socket', async (ms) => {
    const gateway = await rig()
    const raw = rawSocket(gateway.url)
    await raw.next()
    gateway.clock.jump(ms)
    gateway.clock.move(5 * SECOND)
    await isThere(raw)
    gateway.clock.move(5 * SECOND + 250)
    expect(await raw.closed).toEqual({ code: 4101, reason: '' })
  })
})

test('a socket has ten seconds to authenticate, and none that has is ended by them', async () => {
  const gateway = await rig()
  const { access_token } = await session(gateway.url)
  const silent = rawSocket(gateway.url)
  await silent.next()
  gateway.clock.move(5 * SECOND)
  const other = await authenticated(gateway.url, access_token)
  await isThere(silent)
  gateway.clock.move(5 * SECOND + 250)
  expect(await silent.closed).toEqual({ code: 4101, reason: '' })
  gateway.clock.move(5 * SECOND)
  expect(await asker(other)('ping')).toEqual({ id: 1, type: 'pong' })
})
