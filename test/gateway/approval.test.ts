/** New users wait for approval: what they are told, who lets them in, and how that reaches whoever waits. */
import { afterEach, expect, test, vi } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import {
  anotherSession,
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  post,
  type Rig,
  type RigSettings,
  rawSocket,
  rig,
  session,
  USER,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, enter, flow, makeUser, read, startFlow } from './people.ts'

afterEach(closeRigs)

const PASSWORD = 'a new password'
const MINUTE = 60_000
const DAY = 86_400_000

/** A password that nobody has yet, as `latchkey credential add` makes it. */
const addCredential = async (gateway: Rig, username: string): Promise<void> => {
  const { control } = DataDir.at(gateway.dataDir)
  expect(await askControl(control, 'credential.add', { username, password: PASSWORD })).toEqual({ result: null })
}

const withOwner = async (settings: RigSettings = {}) => {
  const gateway = await rig(settings)
  const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
  return { gateway, owner: asker(raw), next: () => raw.next() }
}

const HANDLER = ['homeassistant', null]
const pendingForm = (flow_id: string, errors = {}) => ({
  type: 'form',
  flow_id,
  handler: HANDLER,
  data_schema: [],
  errors,
  description_placeholders: null,
  last_step: null,
  preview: null,
  step_id: 'pending',
})

const abort = (flow_id: string, reason: string) => ({
  type: 'abort',
  flow_id,
  handler: HANDLER,
  reason,
  description_placeholders: null,
})

/** Sends the form that waits once more. */
const again = (gateway: Rig, flowId: string, headers: Record<string, string> = {}): Promise<Response> =>
  post(`${gateway.url}/auth/login_flow/${flowId}`, { client_id: CLIENT_ID }, headers)

/** What a new login leads to. */
const enterAnew = async (gateway: Rig, username: string): Promise<unknown> =>
  (await read(await enter(gateway.url, await flow(gateway.url), username, PASSWORD))).body

interface Listed {
  readonly id: string
  readonly username: string
  readonly approval?: string
}
const listed = async (owner: Ask, username: string): Promise<Listed> => {
  const { result } = (await owner('config/auth/list')) as { result: Listed[] }
  return result.find((user) => user.username === username)!
}

/** Waits until the sweep has removed a user; it comes once a minute, when the clock has stood for ten. */
const forgotten = async (gateway: Rig, username: string): Promise<void> => {
  const { control } = DataDir.at(gateway.dataDir)
  await vi.waitFor(async () => {
    gateway.clock.move(MINUTE)
    const { result } = (await askControl(control, 'user.list', {}))!
    expect(result.map((user) => user.username)).not.toContain(username)
  })
}

describeTransports('a person whom nobody knows', (_, transport) => {
  test('waits on the socket, and goes on the moment the owner approves', async () => {
    const { gateway, owner } = await withOwner({ 'server.transport': transport })
    await addCredential(gateway, 'eve')
    const raw = rawSocket(gateway.url)
    await raw.next()
    const ask = asker(raw)
    const begun = (await ask('auth/login_flow', { client_id: CLIENT_ID, handler: HANDLER })) as {
      result: { flow_id: string }
    }
    const { flow_id } = begun.result
    const user_input = { username: 'eve', password: PASSWORD }
    expect(await ask('auth/login_flow/step', { flow_id, user_input })).toEqual({
      id: 2,
      type: 'result',
      success: true,
      result: pendingForm(flow_id),
    })
    expect(await ask('auth/login_flow/step', { flow_id, user_input: {} })).toMatchObject({
      result: pendingForm(flow_id, { base: 'pending' }),
    })
    const { id } = await listed(owner, 'eve')
    expect(await owner('config/auth/approve', { user_id: id })).toMatchObject({
      success: true,
      result: { user: { id, username: 'eve', is_active: true, is_owner: false, group_ids: ['system-users'] } },
    })
    const told = (await raw.next()) as { event: { result: string } }
    expect(told).toEqual({
      id: 2,
      type: 'event',
      event: {
        type: 'create_entry',
        flow_id,
        handler: HANDLER,
        description: null,
        description_placeholders: null,
        result: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: told.event.result }
    expect(await ask('auth/token', { ...fields, authenticate: true })).toMatchObject({ success: true })
    expect(await raw.next()).toMatchObject({ type: 'auth_ok' })
    expect(await ask('auth/current_user')).toMatchObject({ result: { id, is_admin: false } })
  })

  test('is told on the socket that it was turned away; a login that was given up is told nothing', async () => {
    const { gateway, owner } = await withOwner({ 'server.transport': transport })
    await addCredential(gateway, 'eve')
    const raw = rawSocket(gateway.url)
    await raw.next()
    const ask = asker(raw)
    const wait = async (): Promise<string> => {
      const begun = (await ask('auth/login_flow', { client_id: CLIENT_ID, handler: HANDLER })) as {
        result: { flow_id: string }
      }
      const { flow_id } = begun.result
      await ask('auth/login_flow/step', { flow_id, user_input: { username: 'eve', password: PASSWORD } })
      return flow_id
    }
    const [first, second] = [await wait(), await wait()]
    expect(await ask('auth/login_flow/abort', { flow_id: first })).toMatchObject({ success: true })
    await owner('config/auth/reject', { user_id: (await listed(owner, 'eve')).id })
    expect(await raw.next()).toEqual({ id: 4, type: 'event', event: abort(second, 'rejected') })
    expect(await ask('auth/login_flow/step', { flow_id: second, user_input: {} })).toMatchObject({
      success: false,
      error: { code: 'not_found' },
    })
    expect(await ask('ping')).toMatchObject({ type: 'pong' })
  })

  test('waits over HTTP with one request, which is answered the moment the owner approves', async () => {
    const { gateway, owner } = await withOwner({ 'server.transport': transport })
    await addCredential(gateway, 'eve')
    const id = await flow(gateway.url)
    expect(await read(await enter(gateway.url, id, 'eve', PASSWORD))).toEqual({ status: 200, body: pendingForm(id) })
    expect(await read(await again(gateway, id))).toEqual({ status: 200, body: pendingForm(id, { base: 'pending' }) })
    const waiting = again(gateway, id, { prefer: 'wait=15' })
    const { id: user_id } = await listed(owner, 'eve')
    await owner('config/auth/approve', { user_id })
    const done = (await read(await waiting)) as { status: number; body: { result: string } }
    expect(done).toMatchObject({ status: 200, body: { type: 'create_entry', flow_id: id } })
    expect(await exchange(gateway.url, done.body.result)).toMatchObject({ token_type: 'Bearer' })
  })
})

test('an administrator who listens hears of the request once, and decides once', async () => {
  const { gateway, owner, next } = await withOwner()
  await addCredential(gateway, 'eve')
  await owner('config/auth/subscribe')
  await enter(gateway.url, await flow(gateway.url), 'eve', PASSWORD)
  const added = (await next()) as { event: { user_id: string } }
  const { user_id } = added.event
  const at = expect.any(String)
  expect(added).toEqual({ id: 1, type: 'event', event: { type: 'user_added', user_id, at } })
  expect(await next()).toEqual({ id: 1, type: 'event', event: { type: 'approval_requested', user_id, at } })
  // The same person again is no other request.
  await enter(gateway.url, await flow(gateway.url), 'eve', PASSWORD)
  const decide = async (type: string, who = user_id) => {
    const raw = await authenticated(gateway.url, (await anotherSession(gateway.url)).access_token)
    return (await asker(raw)(type, { user_id: who })) as { success: boolean; result?: object; error?: object }
  }
  expect((await decide('config/auth/reject')).result).toMatchObject({
    user: { id: user_id, is_active: false, approval: 'rejected' },
  })
  expect(await next()).toMatchObject({ event: { type: 'session_added' } })
  expect(await next()).toEqual({ id: 1, type: 'event', event: { type: 'user_updated', user_id, at } })
  const notPending = { code: 'not_pending', message: 'The user does not wait for approval.' }
  expect((await decide('config/auth/reject')).error).toEqual(notPending)
  expect((await decide('config/auth/approve')).result).toMatchObject({ user: { id: user_id, is_active: true } })
  expect((await decide('config/auth/approve')).error).toEqual(notPending)
  const unknown = { code: 'not_found', message: 'User not found' }
  expect((await decide('config/auth/approve', 'nope')).error).toEqual(unknown)
  expect((await decide('config/auth/reject', 'nope')).error).toEqual(unknown)
})

test('who is turned away is told so at once, and at every login until it is forgotten', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  const waiting = again(gateway, id, { prefer: 'wait=15' })
  const eve = await listed(owner, 'eve')
  expect(eve).toMatchObject({ approval: 'pending' })
  await owner('config/auth/reject', { user_id: eve.id })
  const rejected = (flow_id: string) => ({ status: 200, body: abort(flow_id, 'rejected') })
  expect(await read(await waiting)).toEqual(rejected(id))
  const gone = { status: 404, body: { message: 'Invalid flow specified' } }
  expect(await read(await again(gateway, id))).toEqual(gone)
  const other = await flow(gateway.url)
  expect(await read(await enter(gateway.url, other, 'eve', PASSWORD))).toEqual(rejected(other))
  gateway.clock.move(30 * DAY)
  await forgotten(gateway, 'eve')
  const asked = await flow(gateway.url)
  expect(await read(await enter(gateway.url, asked, 'eve', PASSWORD))).toMatchObject({ body: pendingForm(asked) })
})

test('whose time ends while they wait is told so, and may ask again (D33)', async () => {
  const { gateway } = await withOwner({ 'limits.pending_users.lifetime': '11m', 'limits.login_flows.lifetime': '60m' })
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  gateway.clock.move(10 * MINUTE)
  expect(await read(await again(gateway, id))).toMatchObject({ body: pendingForm(id, { base: 'pending' }) })
  gateway.clock.move(MINUTE)
  await forgotten(gateway, 'eve')
  expect(await read(await again(gateway, id))).toEqual({ status: 200, body: abort(id, 'approval_expired') })
  const other = await flow(gateway.url)
  expect(await read(await enter(gateway.url, other, 'eve', PASSWORD))).toMatchObject({ body: pendingForm(other) })
})

test('a login that waits ends after its ten minutes; the request does not', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  gateway.clock.move(10 * MINUTE)
  expect(await read(await again(gateway, id))).toEqual({ status: 200, body: abort(id, 'login_expired') })
  await owner('config/auth/approve', { user_id: (await listed(owner, 'eve')).id })
  expect(await read(await again(gateway, id))).toEqual({ status: 200, body: abort(id, 'login_expired') })
  expect(await enterAnew(gateway, 'eve')).toMatchObject({ type: 'create_entry' })
})

test('at the cap a login ends, and whoever was let in goes on (D33)', async () => {
  const { gateway, owner } = await withOwner({ 'limits.pending_users.total': '2' })
  for (const name of ['ann', 'ben', 'eve']) await addCredential(gateway, name)
  await enterAnew(gateway, 'ann')
  await enterAnew(gateway, 'ben')
  const id = await flow(gateway.url)
  expect(await read(await enter(gateway.url, id, 'eve', PASSWORD))).toEqual({
    status: 200,
    body: abort(id, 'not_allowed'),
  })
  expect(await listed(owner, 'eve')).toBe(undefined)
  await owner('config/auth/approve', { user_id: (await listed(owner, 'ann')).id })
  expect(await enterAnew(gateway, 'ann')).toMatchObject({ type: 'create_entry' })
  expect(await enterAnew(gateway, 'eve')).toMatchObject({ step_id: 'pending' })
})

test('a step of a login that waits skips nothing (D20)', async () => {
  const { gateway } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  const malformed = { status: 400, body: { message: 'User input malformed' } }
  for (const input of [{ username: USER.username, password: USER.password }, { step_id: 'init' }, { approved: true }]) {
    const body = JSON.stringify({ client_id: CLIENT_ID, ...input })
    expect(await read(await fetch(`${gateway.url}/auth/login_flow/${id}`, { method: 'POST', body }))).toEqual(malformed)
  }
  const other = JSON.stringify({ client_id: 'https://other.example/' })
  const foreign = await fetch(`${gateway.url}/auth/login_flow/${id}`, { method: 'POST', body: other })
  expect(await read(foreign)).toEqual({ status: 400, body: { message: 'Invalid client id' } })
  expect(await read(await again(gateway, id))).toMatchObject({ body: pendingForm(id, { base: 'pending' }) })
})

test('of many who ask about one approved login one gets the code', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  await owner('config/auth/approve', { user_id: (await listed(owner, 'eve')).id })
  const answers = await Promise.all(Array.from({ length: 8 }, async () => read(await again(gateway, id))))
  expect(answers.filter(({ status }) => status === 200)).toMatchObject([{ body: { type: 'create_entry' } }])
})

test('every way to make a user active or to remove one reaches the login that waits', async () => {
  const { gateway, owner } = await withOwner()
  const waitAs = async (username: string) => {
    await addCredential(gateway, username)
    const id = await flow(gateway.url)
    await enter(gateway.url, id, username, PASSWORD)
    return { waiting: again(gateway, id, { prefer: 'wait=15' }), user_id: (await listed(owner, username)).id }
  }
  const ann = await waitAs('ann')
  await owner('config/auth/update', { user_id: ann.user_id, is_active: true })
  expect(await read(await ann.waiting)).toMatchObject({ body: { type: 'create_entry' } })
  const ben = await waitAs('ben')
  await owner('config/auth/delete', { user_id: ben.user_id })
  expect(await read(await ben.waiting)).toMatchObject({ body: { type: 'abort', reason: 'rejected' } })
  const eve = await waitAs('eve')
  // Another change lets nobody in.
  await owner('config/auth/update', { user_id: eve.user_id, name: 'Eve', group_ids: ['system-read-only'] })
  expect(await read(await eve.waiting)).toMatchObject({ body: { step_id: 'pending', errors: { base: 'pending' } } })
})

test('a login goes on after a restart, and a request that is kept open does not hold the restart up', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  const { id: user_id } = await listed(owner, 'eve')
  const waiting = again(gateway, id, { prefer: 'wait=15' })
  const newer = again(gateway, id, { prefer: 'wait=15' })
  // A second request about the same login takes the place of the first.
  const first = await Promise.race([waiting, newer])
  expect(await read(first)).toMatchObject({ body: { errors: { base: 'pending' } } })
  await gateway.restart()
  expect(await read(await (first === (await waiting) ? newer : waiting))).toMatchObject({ status: 200 })
  const { access_token } = await anotherSession(gateway.url)
  await asker(await authenticated(gateway.url, access_token))('config/auth/approve', { user_id })
  expect(await read(await again(gateway, id))).toMatchObject({ body: { type: 'create_entry' } })
})

test('users.new_users: active lets them in at once, as Home Assistant does, but never as administrators', async () => {
  const { gateway, owner } = await withOwner({ 'users.new_users': 'active' })
  await addCredential(gateway, 'eve')
  const { result } = (await enterAnew(gateway, 'eve')) as { result: string }
  const raw = await authenticated(gateway.url, (await exchange(gateway.url, result)).access_token)
  expect(await asker(raw)('auth/current_user')).toMatchObject({ result: { name: 'eve', is_admin: false } })
  expect(await listed(owner, 'eve')).toMatchObject({ is_active: true, group_ids: ['system-users'] })
  expect(await listed(owner, 'eve')).not.toHaveProperty('approval')
})

test('a login that is to link a credential makes no user', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const started = await startFlow(gateway.url, { type: 'link_user' })
  const { flow_id } = (await started.json()) as { flow_id: string }
  expect(await read(await enter(gateway.url, flow_id, 'eve', PASSWORD))).toEqual({
    status: 403,
    body: { message: 'Login blocked: User is not active' },
  })
  expect(await listed(owner, 'eve')).toBe(undefined)
})

test('nobody but an administrator lets anybody in, or hears who asks (F6)', async () => {
  const { gateway, owner } = await withOwner()
  await makeUser(owner, 'ben', 'its password')
  await addCredential(gateway, 'eve')
  await enterAnew(gateway, 'eve')
  const ben = { name: 'ben', username: 'ben', password: 'its password' }
  const raw = await authenticated(gateway.url, (await anotherSession(gateway.url, ben)).access_token)
  const ask = asker(raw)
  const { id } = await listed(owner, 'eve')
  const refused = { success: false, error: { code: 'unauthorized', message: 'Unauthorized' } }
  expect(await ask('config/auth/approve', { user_id: id })).toMatchObject(refused)
  expect(await ask('config/auth/reject', { user_id: id })).toMatchObject(refused)
  expect(await ask('config/auth/subscribe')).toMatchObject(refused)
  expect(await listed(owner, 'eve')).toMatchObject({ approval: 'pending' })
})

test('a password of somebody who waits is judged and counted like any other (D1, D4)', async () => {
  const { gateway } = await withOwner({ 'security.bans.failures': '3', 'server.trusted_proxies': '127.0.0.1' })
  await addCredential(gateway, 'eve')
  const from = { 'x-forwarded-for': '192.0.2.9' }
  const tried = async (password: string) => {
    const id = await flow(gateway.url, from)
    const { status, body } = await read(await enter(gateway.url, id, 'eve', password, from))
    return `${status} ${(body as { step_id?: string }).step_id} ${(body as { errors?: { base?: string } }).errors?.base}`
  }
  expect(await tried('wrong')).toBe('200 init invalid_auth')
  expect(await tried(PASSWORD)).toBe('200 pending undefined')
  expect(await tried('wrong')).toBe('200 init invalid_auth')
  // The right one took the failures before it off the account.
  expect(await tried('wrong')).toBe('200 init invalid_auth')
  expect(await tried(PASSWORD)).toBe('200 pending undefined')
})
