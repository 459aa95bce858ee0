/** Passwords: what a guess can learn, what happens to many at once, and who is let in. */
import { afterEach, describe, expect, test } from 'vitest'
import { anotherSession, authenticated, closeRigs, type Rig, rig, session, USER } from '../rig.ts'
import { type Ask, asker, enter, flow, makeUser, read, startFlow } from './people.ts'

afterEach(closeRigs)

const begin = async (settings = {}): Promise<{ gateway: Rig; ask: Ask }> => {
  const gateway = await rig(settings)
  const { access_token } = await session(gateway.url)
  return { gateway, ask: asker(await authenticated(gateway.url, access_token)) }
}

const deactivate = (ask: Ask, user_id: string) => ask('config/auth/update', { user_id, is_active: false })

const NOT_ACTIVE = { status: 403, body: { message: 'Login blocked: User is not active' } }

describe('a refused password', () => {
  test('is answered alike, to the byte, whoever it was tried for (D1)', async () => {
    const { gateway, ask } = await begin()
    await deactivate(ask, await makeUser(ask, 'inactive', 'its password'))
    await ask('config/auth/create', { name: 'without password' })
    const tried = [
      [USER.username, 'wrong'],
      [USER.username, ''],
      ['nobody', USER.password],
      ['', ''],
      ['inactive', 'wrong'],
      ['without password', ''],
      ['__proto__', 'x'],
      ['x'.repeat(10_000), 'x'.repeat(10_000)],
    ] as const
    for (const [username, password] of tried) {
      const id = await flow(gateway.url)
      const answer = await enter(gateway.url, id, username, password)
      const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date'))
      expect([username, answer.status, (await answer.text()).replace(id, '…'), headers]).toEqual([
        username,
        200,
        '{"type":"form","flow_id":"…","handler":["homeassistant",null],"data_schema":[{"type":"string","name":"username","required":true},{"type":"string","name":"password","required":true}],"errors":{"base":"invalid_auth"},"description_placeholders":null,"last_step":null,"preview":null,"step_id":"init"}',
        expect.objectContaining({ 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }),
      ])
      expect(headers).not.toHaveProperty('cache-control')
    }
  })

  test('leaves the flow open for the right one (D20)', async () => {
    const { gateway } = await begin()
    const id = await flow(gateway.url)
    await enter(gateway.url, id, USER.username, 'wrong')
    expect(await read(await enter(gateway.url, id, USER.username, USER.password))).toMatchObject({
      status: 200,
      body: { type: 'create_entry', flow_id: id },
    })
  })

  test('of many at once for one flow one is told so, and the others only that another came first (D20)', async () => {
    const { gateway } = await begin()
    const id = await flow(gateway.url)
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => read(await enter(gateway.url, id, USER.username, 'wrong'))),
    )
    const told = answers.filter(({ status }) => status === 200)
    const late = answers.filter(({ status }) => status !== 200)
    expect(told).toHaveLength(1)
    expect(told[0]!.body).toMatchObject({ type: 'form', errors: { base: 'invalid_auth' } })
    expect(late).toEqual(Array(7).fill({ status: 409, body: { message: 'Another input came first' } }))
  })
})

describe('the right password', () => {
  test.each([USER.username, ' Test-User ', 'TEST-USER'])('lets %j in', async (username) => {
    const { gateway } = await begin()
    const answer = await read(await enter(gateway.url, await flow(gateway.url), username, USER.password))
    expect(answer).toMatchObject({ status: 200, body: { type: 'create_entry' } })
  })

  test('must be the whole one (D14)', async () => {
    const { gateway, ask } = await begin()
    const long = 'é'.repeat(100)
    await makeUser(ask, 'other', long)
    const id = await flow(gateway.url)
    for (const password of [long.slice(0, -1), long.slice(0, 72), `${long}x`, long.normalize('NFD')]) {
      expect(await read(await enter(gateway.url, id, 'other', password))).toMatchObject({
        body: { errors: { base: 'invalid_auth' } },
      })
    }
    expect(await read(await enter(gateway.url, id, 'other', long))).toMatchObject({ body: { type: 'create_entry' } })
  })

  test('of a user who is not active is told so, and ends the flow (D1)', async () => {
    const { gateway, ask } = await begin()
    const user = await makeUser(ask, 'inactive', 'its password')
    await deactivate(ask, user)
    const id = await flow(gateway.url)
    expect(await read(await enter(gateway.url, id, 'inactive', 'its password'))).toEqual(NOT_ACTIVE)
    const gone = { status: 404, body: { message: 'Invalid flow specified' } }
    expect(await read(await enter(gateway.url, id, 'inactive', 'its password'))).toEqual(gone)
    await ask('config/auth/update', { user_id: user, is_active: true })
    const again = await enter(gateway.url, await flow(gateway.url), 'inactive', 'its password')
    expect(await read(again)).toMatchObject({ body: { type: 'create_entry' } })
  })

  test('given twice at once makes one code', async () => {
    const { gateway } = await begin()
    const id = await flow(gateway.url)
    const answers = await Promise.all(
      Array.from({ length: 8 }, async () => read(await enter(gateway.url, id, USER.username, USER.password))),
    )
    const kinds = answers.map(({ status, body }) => `${status} ${(body as { message?: string }).message ?? 'code'}`)
    // Whoever comes when the flow is over finds none.
    const late = ['404 Invalid flow specified', '409 Another input came first']
    expect(kinds.filter((kind) => kind === '200 code')).toHaveLength(1)
    expect(kinds.filter((kind) => kind !== '200 code' && !late.includes(kind))).toEqual([])
  })
})

describe('when more passwords wait than may', () => {
  // One at a time, none waits, and each takes long enough for the others to come meanwhile.
  const NARROW = { 'hashing.concurrency': '1', 'hashing.queue': '0', 'hashing.memory': '64MiB', 'hashing.time': '8' }

  test('a login is answered 503 with a time to come again, and its flow goes on (D13)', async () => {
    const { gateway } = await begin(NARROW)
    const flows = await Promise.all(Array.from({ length: 6 }, () => flow(gateway.url)))
    const tried = await Promise.all(
      flows.map(async (id) => {
        const answer = await enter(gateway.url, id, USER.username, USER.password)
        return { id, retryAfter: answer.headers.get('retry-after'), ...(await read(answer)) }
      }),
    )
    const refused = tried.filter(({ status }) => status !== 200)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(6)
    for (const { id, retryAfter, status, body } of refused) {
      expect({ retryAfter, status, body }).toEqual({
        retryAfter: '2',
        status: 503,
        body: { message: 'Temporarily unavailable.' },
      })
      expect((await enter(gateway.url, id, USER.username, USER.password)).status).toBe(200)
    }
  })

  test('a command is refused as overloaded, and nothing else is (D13)', async () => {
    const { gateway, ask } = await begin(NARROW)
    const busy = await flow(gateway.url)
    const user_id = await makeUser(ask, 'other', 'its password')
    const raw = await authenticated(gateway.url, (await anotherSession(gateway.url)).access_token)
    for (let id = 1; id <= 4; id++) {
      raw.send({
        id,
        type: 'config/auth_provider/homeassistant/admin_change_password',
        user_id,
        password: `password ${id}`,
      })
    }
    raw.send({ id: 5, type: 'ping' })
    const answers = [await raw.next(), await raw.next(), await raw.next(), await raw.next(), await raw.next()]
    expect(answers).toContainEqual({ id: 5, type: 'pong' })
    const error = { code: 'overloaded', message: 'Too many password checks are waiting.', retry_after_ms: 2000 }
    expect(answers).toContainEqual({ id: 4, type: 'result', success: false, error })
    expect(answers).toContainEqual({ id: 1, type: 'result', success: true, result: null })
    expect((await enter(gateway.url, busy, USER.username, USER.password)).status).toBe(200)
  })
})

test('a page of another site can neither begin nor continue a login (C12, D29)', async () => {
  const { gateway } = await begin()
  const id = await flow(gateway.url)
  for (const site of ['cross-site', 'same-site', 'CROSS-SITE', '', 'x']) {
    const headers = { 'sec-fetch-site': site }
    const refused = { status: 403, body: { message: 'Cross-site request' } }
    expect([site, await read(await startFlow(gateway.url, {}, headers))]).toEqual([site, refused])
    expect([site, await read(await enter(gateway.url, id, USER.username, USER.password, headers))]).toEqual([
      site,
      refused,
    ])
  }
  const own = { 'sec-fetch-site': 'same-origin' }
  expect((await enter(gateway.url, id, USER.username, USER.password, own)).status).toBe(200)
})
