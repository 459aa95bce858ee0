/** New users wait for approval: who decides, once, and what becomes of those who are not let in. */
import { afterEach, expect, test } from 'vitest'
import { anotherSession, authenticated, CLIENT_ID, closeRigs, exchange, USER } from '../rig.ts'
import {
  abort,
  addCredential,
  again,
  DAY,
  enterAnew,
  forgotten,
  keep,
  listed,
  MINUTE,
  PASSWORD,
  pendingForm,
  withOwner,
} from './newcomers.ts'
import { asker, enter, flow, makeUser, read, startFlow } from './people.ts'

afterEach(closeRigs)

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
  const eve = await listed(owner, 'eve')
  expect(eve).toMatchObject({ approval: 'pending' })
  const { answer: waiting } = await keep(gateway, id)
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
