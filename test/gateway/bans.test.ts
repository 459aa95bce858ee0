/** Failed logins: what counts, who is banned by it, for how long, and who never is. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  onboard,
  post,
  postForm,
  REDIRECT_URI,
  type Rig,
  type RigSettings,
  rawSocket,
  rig,
  USER,
} from '../rig.ts'

afterEach(closeRigs)

/** The test's own address is that of a trusted proxy, which can speak for any other. */
const begin = async (settings: RigSettings = {}) => {
  const gateway = await rig({ 'server.trusted_proxies': '127.0.0.1', ...settings })
  const tokens = await exchange(gateway.url, await onboard(gateway.url))
  return { gateway, tokens }
}

const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })
const FAR = '203.0.113.7'
const ELSEWHERE = '198.51.100.1'

const providers = async (url: string, address: string): Promise<number> =>
  (await fetch(`${url}/auth/providers`, { headers: from(address) })).status

/** One login; resolves to the error, the code, or the status of a refusal. */
const logInFrom = async (url: string, address: string, username: string, password: string): Promise<unknown> => {
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
  const flow = await post(`${url}/auth/login_flow`, start, from(address))
  if (flow.status !== 200) return flow.status
  const { flow_id } = (await flow.json()) as { flow_id: string }
  const input = { client_id: CLIENT_ID, username, password }
  const step = await post(`${url}/auth/login_flow/${flow_id}`, input, from(address))
  if (step.status !== 200) return step.status
  const body = (await step.json()) as { errors?: { base?: string }; result?: string }
  return body.errors?.base ?? body.result
}

/** Each with another name, unless it is given: guesses at one are slowed down. */
const fail = async ({ url }: Rig, address: string, times: number, username?: string): Promise<void> => {
  for (let i = 0; i < times; i++)
    expect(await logInFrom(url, address, username ?? `nobody-${address}-${i}`, 'wrong')).toBe('invalid_auth')
}

const refusedToken = async (url: string, address: string, accessToken: unknown): Promise<unknown> => {
  const raw = rawSocket(url, from(address))
  await raw.next()
  raw.send(accessToken === undefined ? { type: 'auth' } : { type: 'auth', access_token: accessToken })
  return (await raw.closed).code
}

describe.each(['ws', 'uws'] as const)('on %s', (transport) => {
  test('the tenth wrong password is answered, then every address of the server and the socket are refused for an hour (D4, D12)', async () => {
    const { gateway, tokens } = await begin({ 'server.transport': transport })
    const waiting = rawSocket(gateway.url, from(FAR))
    await waiting.next()
    const inside = rawSocket(gateway.url, from(FAR))
    await inside.next()
    inside.send({ type: 'auth', access_token: tokens.access_token })
    expect(await inside.next()).toMatchObject({ type: 'auth_ok' })

    await fail(gateway, FAR, 9)
    expect(await providers(gateway.url, FAR)).toBe(200)
    await fail(gateway, FAR, 1)

    // A socket that is in stays in; one that is not goes.
    const { code, reason } = await waiting.closed
    expect(code).toBe(4301)
    expect(JSON.parse(reason).after_ms).toBeGreaterThan(3_500_000)
    inside.send({ id: 1, type: 'ping' })
    expect(await inside.next()).toEqual({ id: 1, type: 'pong' })

    for (const [method, path] of [
      ['GET', '/auth/providers'],
      ['GET', '/nowhere'],
      ['OPTIONS', '/auth/token'],
      ['POST', '/auth/token'],
    ] as const) {
      const response = await fetch(gateway.url + path, { method, headers: from(FAR) })
      expect([path, response.status, await response.json()]).toEqual([
        path,
        403,
        { message: 'Too many failed logins.' },
      ])
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3500)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    }
    const { socket } = rawSocket(gateway.url, from(FAR))
    const status = await new Promise((resolve) =>
      socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
    )
    expect(status).toBe(403)
    expect(await providers(gateway.url, ELSEWHERE)).toBe(200)

    gateway.clock.move(3_600_001)
    expect(await providers(gateway.url, FAR)).toBe(200)
  })
})

test('failures are forgotten after ten minutes', async () => {
  const { gateway } = await begin()
  await fail(gateway, FAR, 9)
  gateway.clock.move(600_001)
  await fail(gateway, FAR, 9)
  expect(await providers(gateway.url, FAR)).toBe(200)
})

test('a ban survives a restart, and ends at its time (D12)', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '1' })
  await fail(gateway, FAR, 1)
  await gateway.restart()
  expect(await providers(gateway.url, FAR)).toBe(403)
  gateway.clock.move(3_600_001)
  expect(await providers(gateway.url, FAR)).toBe(200)
})

test('a trusted proxy and the machine itself are never banned (D9)', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '1', 'server.trusted_proxies': '127.0.0.1,192.0.2.0/24' })
  await fail(gateway, '192.0.2.9', 3)
  await fail(gateway, '127.0.0.5', 3)
  expect(await providers(gateway.url, '192.0.2.9')).toBe(200)
  expect(await providers(gateway.url, '127.0.0.5')).toBe(200)
})

test('nobody is banned where security.bans.failures is 0', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '0' })
  await fail(gateway, FAR, 3)
  expect(await providers(gateway.url, FAR)).toBe(200)
})

test('an IPv6 network of 64 bits is one address, and IPv4 in IPv6 is IPv4 (D10)', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '2' })
  await fail(gateway, '2001:db8:1:2::1', 1)
  await fail(gateway, '2001:db8:1:2:ffff::9', 1)
  expect(await providers(gateway.url, '2001:db8:1:2:3::4')).toBe(403)
  expect(await providers(gateway.url, '2001:db8:1:3::1')).toBe(200)
  await fail(gateway, '::ffff:203.0.113.7', 1)
  await fail(gateway, FAR, 1)
  expect(await providers(gateway.url, FAR)).toBe(403)
})

test('eight banned networks in a wider one ban that one (D10)', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '1' })
  for (let i = 0; i < 7; i++) await fail(gateway, `2001:db8:1:1${i}::1`, 1)
  expect(await providers(gateway.url, '2001:db8:1:1f::1')).toBe(200)
  await fail(gateway, '2001:db8:1:17::1', 1)
  expect(await providers(gateway.url, '2001:db8:1:1f::1')).toBe(403)
  expect(await providers(gateway.url, '2001:db8:1:200::1')).toBe(200)
})

test('an own login between guesses takes nothing off the guesses at somebody else (D32)', async () => {
  const { gateway } = await begin()
  await fail(gateway, FAR, 9)
  expect(await logInFrom(gateway.url, FAR, USER.username, USER.password)).toMatch(/^[0-9a-f]{64}$/)
  await fail(gateway, FAR, 1)
  expect(await providers(gateway.url, FAR)).toBe(403)
})

test('a login takes off what was mistyped for it', async () => {
  const { gateway } = await begin()
  const logIn = () => logInFrom(gateway.url, FAR, USER.username, USER.password)
  // A known place: nothing is slowed down there.
  expect(await logIn()).toMatch(/^[0-9a-f]{64}$/)
  await fail(gateway, FAR, 9, USER.username)
  expect(await logIn()).toMatch(/^[0-9a-f]{64}$/)
  await fail(gateway, FAR, 9, USER.username)
  expect(await providers(gateway.url, FAR)).toBe(200)
})

test('of a hundred wrong passwords at once ten are looked at (D6)', async () => {
  const { gateway } = await begin()
  // A known place: the account's own count, which would refuse more of them, is not asked there.
  expect(await logInFrom(gateway.url, FAR, USER.username, USER.password)).toMatch(/^[0-9a-f]{64}$/)
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
  const flows = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const response = await post(`${gateway.url}/auth/login_flow`, start, from(FAR))
      return ((await response.json()) as { flow_id: string }).flow_id
    }),
  )
  const input = { client_id: CLIENT_ID, username: USER.username, password: 'wrong' }
  const statuses = await Promise.all(
    flows.map(async (flow) => (await post(`${gateway.url}/auth/login_flow/${flow}`, input, from(FAR))).status),
  )
  expect(statuses.filter((status) => status === 200)).toHaveLength(10)
  expect(statuses.filter((status) => status === 403)).toHaveLength(90)
})

test('thirty people at one address who all know their password are all let in', async () => {
  const { gateway } = await begin({ 'security.bans.failures': '3' })
  const codes = await Promise.all(
    Array.from({ length: 30 }, () => logInFrom(gateway.url, FAR, USER.username, USER.password)),
  )
  for (const code of codes) expect(code).toMatch(/^[0-9a-f]{64}$/)
})

describe('with one failure to a ban', () => {
  const strict = () => begin({ 'security.bans.failures': '1' })
  const bearer = (url: string, address: string, headers: Record<string, string>, path = '/api/') =>
    fetch(url + path, { headers: { ...from(address), ...headers } })

  test('a refused credential bans, at whatever door (D7)', async () => {
    const { gateway, tokens } = await strict()
    const { url } = gateway
    const forged = `${tokens.access_token.slice(0, -4)}AAAA`
    const unknown = 'lk_rt_'.padEnd(49, 'A')
    const doors: readonly (() => Promise<unknown>)[] = [
      () => logInFrom(url, '203.0.113.0', USER.username, 'wrong'),
      () => logInFrom(url, '203.0.113.1', 'nobody', 'wrong'),
      () => bearer(url, '203.0.113.2', { authorization: `Bearer ${forged}` }),
      () => bearer(url, '203.0.113.3', { authorization: 'Bearer x' }, '/auth/verify'),
      () => bearer(url, '203.0.113.4', {}, '/api/?authSig=a.b.c'),
      () => refusedToken(url, '203.0.113.5', forged),
      () =>
        postForm(
          `${url}/auth/token`,
          { grant_type: 'authorization_code', client_id: CLIENT_ID, code: 'f'.repeat(64) },
          from('203.0.113.6'),
        ),
      () =>
        postForm(
          `${url}/auth/token`,
          { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: unknown },
          from('203.0.113.7'),
        ),
    ]
    for (const [i, door] of doors.entries()) {
      await door()
      // The count follows the answer by a turn or two where the token has to be looked at again.
      await expect.poll(() => providers(url, `203.0.113.${i}`), { message: `door ${i}` }).toBe(403)
    }
  })

  test('a mistake that is no refused credential does not (D4)', async () => {
    const { gateway, tokens } = await strict()
    const { url, clock } = gateway
    const json = (path: string, body: unknown) => post(url + path, body, from(FAR))
    const form = (fields: Record<string, string>) => postForm(`${url}/auth/token`, fields, from(FAR))
    const flow = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
    const signer = await authenticated(url, tokens.access_token)
    signer.send({ id: 1, type: 'auth/sign_path', path: '/api/' })
    const signed = ((await signer.next()) as { result: { path: string } }).result.path

    expect((await json('/auth/login_flow', { ...flow, client_id: 'x' })).status).toBe(400)
    expect((await json('/auth/login_flow', { ...flow, handler: ['x', null] })).status).toBe(404)
    expect((await json('/auth/login_flow/0', { client_id: CLIENT_ID })).status).toBe(404)
    expect((await json('/auth/login_flow', '{')).status).toBe(400)
    expect((await form({})).status).toBe(400)
    expect(
      (
        await form({
          grant_type: 'refresh_token',
          client_id: 'https://b.example/',
          refresh_token: tokens.refresh_token,
        })
      ).status,
    ).toBe(400)
    expect((await bearer(url, FAR, {})).status).toBe(401)
    expect((await bearer(url, FAR, { authorization: 'Basic YTpi' })).status).toBe(401)
    expect((await bearer(url, FAR, { authorization: 'Bearer forged' }, '/auth/providers')).status).toBe(200)
    expect(await refusedToken(url, FAR, undefined)).toBe(4202)
    expect(await refusedToken(url, FAR, 5)).toBe(4300)
    clock.move(2_000_000)
    expect((await bearer(url, FAR, { authorization: `Bearer ${tokens.access_token}` })).status).toBe(401)
    expect((await fetch(url + signed, { headers: from(FAR) })).status).toBe(401)
    expect(await refusedToken(url, FAR, tokens.access_token)).toBe(4202)
    expect(await providers(url, FAR)).toBe(200)
  })
})

test('one dead token counts once in ten minutes, however often a forgotten tab sends it', async () => {
  const { gateway, tokens } = await begin({ 'security.bans.failures': '2' })
  await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
  for (let i = 0; i < 5; i++) expect(await refusedToken(gateway.url, FAR, tokens.access_token)).toBe(4202)
  expect(await providers(gateway.url, FAR)).toBe(200)
})

test('a wrong current password counts like one at the login (D7)', async () => {
  const { gateway, tokens } = await begin({ 'security.bans.failures': '3' })
  const raw = rawSocket(gateway.url, from(FAR))
  await raw.next()
  raw.send({ type: 'auth', access_token: tokens.access_token })
  await raw.next()
  const type = 'config/auth_provider/homeassistant/change_password'
  for (let id = 1; id <= 3; id++) {
    raw.send({ id, type, current_password: 'wrong', new_password: 'a new password' })
    expect(await raw.next()).toMatchObject({
      error: { code: 'invalid_current_password', message: 'Invalid current password' },
    })
  }
  expect(await providers(gateway.url, FAR)).toBe(403)
})

test('an administrator lists the bans and lifts one (D12)', async () => {
  const { gateway, tokens } = await begin({ 'security.bans.failures': '1' })
  await fail(gateway, FAR, 1)
  await fail(gateway, ELSEWHERE, 1)
  const admin = await authenticated(gateway.url, tokens.access_token)
  admin.send({ id: 1, type: 'config/auth/bans/list', limit: 1 })
  expect(await admin.next()).toMatchObject({ result: { items: [{ network: ELSEWHERE }], next: ELSEWHERE } })
  admin.send({ id: 2, type: 'config/auth/bans/list', after: ELSEWHERE })
  expect(await admin.next()).toMatchObject({ result: { items: [{ network: FAR }], next: null } })
  admin.send({ id: 3, type: 'config/auth/bans/delete', network: FAR })
  expect(await admin.next()).toMatchObject({ success: true, result: null })
  admin.send({ id: 4, type: 'config/auth/bans/delete', network: FAR })
  expect(await admin.next()).toMatchObject({ error: { code: 'not_found', message: 'Not found.' } })
  expect(await providers(gateway.url, FAR)).toBe(200)
  await gateway.restart()
  expect(await providers(gateway.url, FAR)).toBe(200)
  expect(await providers(gateway.url, ELSEWHERE)).toBe(403)
})
