/** Proving once more on an open socket to be there. */
import { afterEach, expect, test } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  onboard,
  post,
  postForm,
  type RigSettings,
  rawSocket,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { told } from './members.ts'
import { asker, enter, flow, makeUser } from './people.ts'
import { begin, HANDLER, MINUTE, mayBeSensitive, offer, PROVED, prove, type Step } from './stepping-up.ts'

afterEach(closeRigs)

describeTransports('a step-up', (start) => {
  const opened = async (settings: RigSettings = {}, headers: Record<string, string> = {}) => {
    const gateway = await start(settings)
    const tokens = await exchange(gateway.url, await onboard(gateway.url))
    const open = async (token = tokens.access_token) => {
      const raw = rawSocket(gateway.url, headers)
      await raw.next()
      raw.send({ type: 'auth', access_token: token })
      expect(await raw.next()).toMatchObject({ type: 'auth_ok' })
      const ask = asker(raw)
      await offer(ask)
      return { raw, ask }
    }
    return { gateway, tokens, open, ...(await open()) }
  }

  test('is a form, a wrong answer the same form with what is wrong, and a right one no code', async () => {
    const { ask, open, gateway } = await opened()
    const form = await begin(ask)
    expect(form).toMatchObject({
      type: 'form',
      ...HANDLER,
      step_id: 'init',
      errors: {},
      data_schema: [{ name: 'username' }, { name: 'password' }],
    })
    const { raw: listening, ask: listen } = await open()
    await told(listen, 'config/auth/subscribe')
    expect(await prove(ask, form.flow_id, 'wrong')).toEqual({ ...form, errors: { base: 'invalid_auth' } })
    const failed = { type: 'login_failed', user_id: expect.any(String), reason: 'invalid_auth' }
    expect(await listening.next()).toMatchObject({ event: failed })
    expect(await told(ask, 'auth/step_up/step', { flow_id: form.flow_id, user_input: { username: 'x' } })).toBe(
      'invalid_format',
    )
    expect(await mayBeSensitive(ask)).toBe(false)
    expect(await prove(ask, form.flow_id)).toEqual({
      ...PROVED,
      flow_id: form.flow_id,
      description: null,
      description_placeholders: null,
    })
    expect(await prove(ask, form.flow_id)).toBe('not_found')
    expect(await told(ask, 'auth/step_up', { handler: ['nobody', null] })).toBe('not_found')
    // Nobody got a session by it.
    expect((await told(ask, 'auth/refresh_tokens')) as object[]).toHaveLength(1)
    expect(gateway.logged).toContainEqual(expect.objectContaining({ msg: 'step-up', provider: 'homeassistant' }))
  })

  test('of somebody else is identity_mismatch, and gives nothing to anybody (D19)', async () => {
    const { gateway, ask } = await opened()
    await makeUser(
      asker(await authenticated(gateway.url, (await anotherSession(gateway.url)).access_token)),
      'bob',
      'a long password',
    )
    const { flow_id } = await begin(ask)
    const answer = await ask('auth/step_up/step', {
      flow_id,
      user_input: { username: 'bob', password: 'a long password' },
    })
    expect(answer).toMatchObject({ error: { code: 'identity_mismatch', message: 'Somebody else has logged in' } })
    expect(await mayBeSensitive(ask)).toBe(false)
    // It is over: nothing more is tried on it.
    expect(await prove(ask, flow_id)).toBe('not_found')
  })

  test('makes no user of a name that nobody has', async () => {
    const { ask, gateway } = await opened()
    const eve = { username: 'eve', password: 'a long password' }
    expect(await askControl(DataDir.at(gateway.dataDir).control, 'credential.add', eve)).toEqual({ result: null })
    const before = (await told(ask, 'config/auth/list')) as object[]
    const { flow_id } = await begin(ask)
    expect(await prove(ask, flow_id, 'a long password', 'eve')).toBe('identity_mismatch')
    expect(await told(ask, 'config/auth/list')).toEqual(before)
  })

  test('belongs to the socket that began it: no other one goes on with it, nor a request, nor a login (D19)', async () => {
    const { gateway, ask, open } = await opened()
    const { url } = gateway
    const { ask: other } = await open()
    const { flow_id } = await begin(ask)
    expect(await prove(other, flow_id)).toBe('not_found')
    expect(await told(other, 'auth/step_up/abort', { flow_id })).toBe('not_found')
    for (const who of [ask, other]) {
      const input = { flow_id, client_id: CLIENT_ID, user_input: { username: USER.username, password: USER.password } }
      expect(await told(who, 'auth/login_flow/step', input)).toBe('not_found')
    }
    expect((await enter(url, flow_id, USER.username, USER.password)).status).toBe(404)
    const empty = { client_id: '', username: USER.username, password: USER.password }
    expect((await post(`${url}/auth/login_flow/${flow_id}`, empty)).status).toBe(400)
    // And a login is no step-up.
    const login = (await told(ask, 'auth/login_flow', { client_id: CLIENT_ID, ...HANDLER })) as Step
    for (const id of [login.flow_id, await flow(url)]) expect(await prove(ask, id)).toBe('not_found')
    expect([await mayBeSensitive(ask), await mayBeSensitive(other)]).toEqual([false, false])
    expect(await prove(ask, flow_id)).toMatchObject(PROVED)
  })

  test('takes one input at a time: of many at once one proves something, and the others that another came first (D20)', async () => {
    const { gateway, raw, ask } = await opened()
    // Where the account has logged in no attempt waits for another.
    await anotherSession(gateway.url)
    const { flow_id } = await begin(ask)
    const user_input = { username: USER.username, password: USER.password }
    const ids = [11, 12, 13, 14, 15]
    for (const id of ids) raw.send({ id, type: 'auth/step_up/step', flow_id, user_input })
    const codes: string[] = []
    for (const _ of ids) {
      const { result, error } = (await raw.next()) as { result?: Step; error?: { code: string; message: string } }
      codes.push(result?.type ?? error!.message)
    }
    expect(codes.sort()).toEqual([...Array(4).fill('Another input came first'), 'create_entry'])
  })

  test('that is begun anew ends the one before; one that is given up is over', async () => {
    const { ask } = await opened({ 'limits.login_flows.per_address': '1' })
    const first = await begin(ask)
    // What was typed into is pushed out by nobody else.
    expect(await prove(ask, first.flow_id, 'wrong')).toMatchObject({ errors: { base: 'invalid_auth' } })
    expect(await told(ask, 'auth/step_up', { handler: ['nobody', null] })).toBe('not_found')
    expect(await prove(ask, first.flow_id, 'wrong')).toMatchObject({ errors: { base: 'invalid_auth' } })
    const second = await begin(ask)
    expect(await prove(ask, first.flow_id)).toBe('not_found')
    expect(await told(ask, 'auth/step_up/abort', { flow_id: first.flow_id })).toBe('not_found')
    expect(await told(ask, 'auth/step_up/abort', { flow_id: second.flow_id })).toBe(null)
    expect(await prove(ask, second.flow_id)).toBe('not_found')
    expect(await mayBeSensitive(ask)).toBe(false)
  })

  test('is capped and ends like a login (D18)', async () => {
    const { gateway, ask, open } = await opened({ 'limits.login_flows.per_address': '2' })
    const { ask: other } = await open()
    for (const who of [ask, other])
      expect(await prove(who, (await begin(who)).flow_id, 'wrong')).toHaveProperty('errors')
    const { ask: third } = await open()
    expect(await told(third, 'auth/step_up', HANDLER)).toBe('overloaded')
    expect(await told(third, 'auth/login_flow', { client_id: CLIENT_ID, ...HANDLER })).toBe('overloaded')
    gateway.clock.move(10 * MINUTE)
    const { flow_id } = await begin(third)
    gateway.clock.move(10 * MINUTE)
    expect(await prove(third, flow_id)).toEqual({
      type: 'abort',
      flow_id,
      ...HANDLER,
      reason: 'login_expired',
      description_placeholders: null,
    })
    expect(await mayBeSensitive(third)).toBe(false)
  })

  test('is refused to pages of other origins, as a login is (D19)', async () => {
    const { ask } = await opened({}, { origin: 'https://evil.example' })
    expect(await told(ask, 'auth/step_up', HANDLER)).toBe('unauthorized')
    const flow_id = 'f'.repeat(32)
    expect(await told(ask, 'auth/step_up/step', { flow_id, user_input: {} })).toBe('unauthorized')
    expect(await told(ask, 'auth/step_up/abort', { flow_id })).toBe('unauthorized')
  })

  test('is no second door: what fails here counts as at a login, for the address and for the account (D7)', async () => {
    const far = { 'x-forwarded-for': '203.0.113.7' }
    const settings = { 'server.trusted_proxies': '127.0.0.1', 'security.bans.failures': '3' }
    const { gateway, ask } = await opened(settings, far)
    const { flow_id } = await begin(ask)
    const providers = async () => (await fetch(`${gateway.url}/auth/providers`, { headers: far })).status
    const failAtLogin = async () => {
      const id = await flow(gateway.url, far)
      expect((await enter(gateway.url, id, USER.username, 'wrong', far)).status).toBe(200)
    }
    for (const password of ['wrong', 'wrong again'])
      expect(await prove(ask, flow_id, password)).toHaveProperty('errors')
    // The right one takes back what this account failed with, and nothing else.
    expect(await prove(ask, flow_id)).toMatchObject(PROVED)
    await failAtLogin()
    await failAtLogin()
    expect(await providers()).toBe(200)
    expect(await prove(ask, (await begin(ask)).flow_id, 'wrong')).toHaveProperty('errors')
    expect(await providers()).toBe(403)
  })

  test('waits where strangers have guessed at the account, at whatever door (D4, D7)', async () => {
    const far = { 'x-forwarded-for': '203.0.113.7' }
    const { gateway, ask } = await opened({ 'server.trusted_proxies': '127.0.0.1' }, far)
    for (let i = 0; i < 5; i++) {
      const from = { 'x-forwarded-for': `198.51.100.${i}` }
      await enter(gateway.url, await flow(gateway.url, from), USER.username, 'wrong', from)
    }
    const { flow_id } = await begin(ask)
    let outcome: unknown = null
    const proving = prove(ask, flow_id).then((answer) => {
      outcome = answer
    })
    // Whatever else could come first has come first.
    await postForm(`${gateway.url}/auth/revoke`, { token: 'x' })
    await flow(gateway.url)
    expect(outcome).toBe(null)
    await expect
      .poll(() => {
        gateway.clock.move(1000)
        return outcome
      })
      .toMatchObject(PROVED)
    await proving
  })
})
