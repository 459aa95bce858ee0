/** A login that waits for approval: how the decision reaches it, on the socket and over HTTP. */
import { afterEach, expect, test } from 'vitest'
import { anotherSession, authenticated, CLIENT_ID, closeRigs, exchange, rawSocket } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import {
  abort,
  addCredential,
  again,
  enterAnew,
  HANDLER,
  keep,
  listed,
  PASSWORD,
  pendingForm,
  type Step,
  withOwner,
} from './newcomers.ts'
import { asker, enter, flow, read } from './people.ts'

afterEach(closeRigs)

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
    const { id: user_id } = await listed(owner, 'eve')
    const { answer } = await keep(gateway, id)
    await owner('config/auth/approve', { user_id })
    const done = (await read(await answer)) as { status: number; body: { result: string } }
    expect(done).toMatchObject({ status: 200, body: { type: 'create_entry', flow_id: id } })
    expect(await exchange(gateway.url, done.body.result)).toMatchObject({ token_type: 'Bearer' })
  })
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

test('who is let in, but not from there, hears that the login is over (F9)', async () => {
  const { gateway, owner } = await withOwner({ 'server.trusted_proxies': '127.0.0.1' })
  await addCredential(gateway, 'eve')
  const far = { 'x-forwarded-for': '192.0.2.9' }
  const raw = rawSocket(gateway.url, far)
  await raw.next()
  const ask = asker(raw)
  const begun = (await ask('auth/login_flow', { client_id: CLIENT_ID, handler: HANDLER })) as { result: Step }
  const { flow_id } = begun.result
  await ask('auth/login_flow/step', { flow_id, user_input: { username: 'eve', password: PASSWORD } })
  const http = await flow(gateway.url, far)
  await enter(gateway.url, http, 'eve', PASSWORD, far)
  const { id: user_id } = await listed(owner, 'eve')
  await owner('config/auth/update', { user_id, local_only: true })
  await owner('config/auth/approve', { user_id })
  expect(await raw.next()).toEqual({ id: 2, type: 'event', event: abort(flow_id, 'not_allowed') })
  expect(await read(await again(gateway, http, far))).toEqual({
    status: 403,
    body: { message: 'Login blocked: User cannot authenticate remotely' },
  })
})

test('a request is kept open as long as it asks for, fifteen seconds at most, and one for each login', async () => {
  const { gateway } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  const still = { status: 200, body: pendingForm(id, { base: 'pending' }) }
  for (const prefer of ['wait=0', 'wait=x', 'wait=-1', 'nowait=15', 'respond-async', '']) {
    expect([prefer, await read(await again(gateway, id, { prefer }))]).toEqual([prefer, still])
  }
  const short = await keep(gateway, id, 'respond-async, wait=5')
  gateway.clock.move(5000)
  expect(await read(await short.answer)).toEqual(still)
  const long = await keep(gateway, id, 'wait=999999999')
  gateway.clock.move(15_000)
  expect(await read(await long.answer)).toEqual(still)
  const older = await keep(gateway, id)
  const newer = again(gateway, id, { prefer: 'wait=15' })
  expect(await read(await older.answer)).toEqual(still)
  gateway.clock.move(15_000)
  expect(await read(await newer)).toEqual(still)
})

test('nobody misses an approval that comes while their password is looked at', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  await enterAnew(gateway, 'eve')
  const { id: user_id } = await listed(owner, 'eve')
  const raw = rawSocket(gateway.url)
  await raw.next()
  const ask = asker(raw)
  const flows: string[] = []
  for (let i = 0; i < 40; i++) {
    const begun = (await ask('auth/login_flow', { client_id: CLIENT_ID, handler: HANDLER })) as {
      result: { flow_id: string }
    }
    flows.push(begun.result.flow_id)
  }
  const user_input = { username: 'eve', password: PASSWORD }
  for (const [i, flow_id] of flows.entries()) {
    raw.send({ id: 41 + i, type: 'auth/login_flow/step', flow_id, user_input })
  }
  const done = new Set<string>()
  const approving: Promise<unknown>[] = []
  while (done.size < flows.length) {
    const { result, event } = (await raw.next()) as { result?: Step; event?: Step }
    const step = (result ?? event)!
    if (step.type === 'create_entry') done.add(step.flow_id)
    else expect(step).toMatchObject({ step_id: 'pending' })
    if (approving.length === 0) approving.push(owner('config/auth/approve', { user_id }))
  }
  expect(await approving[0]).toMatchObject({ success: true })
  expect([...done].sort()).toEqual([...flows].sort())
})

test('every way to make a user active or to remove one reaches the login that waits', async () => {
  const { gateway, owner } = await withOwner()
  const waitAs = async (username: string) => {
    await addCredential(gateway, username)
    const id = await flow(gateway.url)
    await enter(gateway.url, id, username, PASSWORD)
    const { answer } = await keep(gateway, id)
    return { answer, user_id: (await listed(owner, username)).id }
  }
  const ann = await waitAs('ann')
  await owner('config/auth/update', { user_id: ann.user_id, is_active: true })
  expect(await read(await ann.answer)).toMatchObject({ body: { type: 'create_entry' } })
  const ben = await waitAs('ben')
  await owner('config/auth/delete', { user_id: ben.user_id })
  expect(await read(await ben.answer)).toMatchObject({ body: { type: 'abort', reason: 'rejected' } })
  const eve = await waitAs('eve')
  // Another change lets nobody in.
  await owner('config/auth/update', { user_id: eve.user_id, name: 'Eve', group_ids: ['system-read-only'] })
  expect(await read(await eve.answer)).toMatchObject({ body: { step_id: 'pending', errors: { base: 'pending' } } })
})

test('a login goes on after a restart, and a request that is kept open does not hold the restart up', async () => {
  const { gateway, owner } = await withOwner()
  await addCredential(gateway, 'eve')
  const id = await flow(gateway.url)
  await enter(gateway.url, id, 'eve', PASSWORD)
  const { id: user_id } = await listed(owner, 'eve')
  const { answer } = await keep(gateway, id)
  await gateway.restart()
  expect(await read(await answer)).toMatchObject({ body: pendingForm(id, { base: 'pending' }) })
  const { access_token } = await anotherSession(gateway.url)
  await asker(await authenticated(gateway.url, access_token))('config/auth/approve', { user_id })
  expect(await read(await again(gateway, id))).toMatchObject({ body: { type: 'create_entry' } })
})
