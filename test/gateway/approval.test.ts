/** New users wait for approval: what they are told, who lets them in, and how that reaches whoever waits. */
import { afterEach, expect, test } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import { authenticated, CLIENT_ID, closeRigs, exchange, type Rig, rawSocket, rig, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Ask, asker, enter, flow, read } from './people.ts'

afterEach(closeRigs)

const PASSWORD = 'a new password'

/** A password that nobody has yet, as `latchkey credential add` makes it. */
const addCredential = async (gateway: Rig, username: string): Promise<void> => {
  const { control } = DataDir.at(gateway.dataDir)
  expect(await askControl(control, 'credential.add', { username, password: PASSWORD })).toEqual({ result: null })
}

const withOwner = async (gateway: Rig): Promise<{ owner: Ask; next: () => Promise<unknown> }> => {
  const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
  return { owner: asker(raw), next: () => raw.next() }
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

interface Listed {
  readonly id: string
  readonly username: string
  readonly approval?: string
}
const listed = async (owner: Ask, username: string): Promise<Listed> => {
  const { result } = (await owner('config/auth/list')) as { result: Listed[] }
  return result.find((user) => user.username === username)!
}

describeTransports('a person whom nobody knows', (start) => {
  test('waits on the socket, and goes on the moment the owner approves', async () => {
    const gateway = await start()
    const { owner } = await withOwner(gateway)
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

  test('waits over HTTP with one request, which is answered the moment the owner approves', async () => {
    const gateway = await start()
    const { owner } = await withOwner(gateway)
    await addCredential(gateway, 'eve')
    const id = await flow(gateway.url)
    expect(await read(await enter(gateway.url, id, 'eve', PASSWORD))).toEqual({ status: 200, body: pendingForm(id) })
    const again = (headers = {}) =>
      fetch(`${gateway.url}/auth/login_flow/${id}`, {
        method: 'POST',
        body: JSON.stringify({ client_id: CLIENT_ID }),
        headers,
      })
    expect(await read(await again())).toEqual({ status: 200, body: pendingForm(id, { base: 'pending' }) })
    const waiting = again({ prefer: 'wait=15' })
    const { id: user_id } = await listed(owner, 'eve')
    await owner('config/auth/approve', { user_id })
    const done = (await read(await waiting)) as { status: number; body: { result: string } }
    expect(done).toMatchObject({ status: 200, body: { type: 'create_entry', flow_id: id } })
    expect(await exchange(gateway.url, done.body.result)).toMatchObject({ token_type: 'Bearer' })
  })
})

test('an administrator who listens hears of the request, and who is let in or turned away is decided once', async () => {
  const gateway = await rig()
  const { owner, next } = await withOwner(gateway)
  await addCredential(gateway, 'eve')
  await owner('config/auth/subscribe')
  await enter(gateway.url, await flow(gateway.url), 'eve', PASSWORD)
  expect(await next()).toMatchObject({ id: 1, type: 'event', event: { type: 'user_added' } })
  const asked = (await next()) as { event: { user_id: string } }
  expect(asked).toEqual({
    id: 1,
    type: 'event',
    event: { type: 'approval_requested', user_id: expect.any(String), at: expect.any(String) },
  })
})
