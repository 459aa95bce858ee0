/** What one socket can pile up: subscriptions, and logins that it begins and leaves. */
import { afterEach, expect, test } from 'vitest'
import { authenticated, CLIENT_ID, closeRigs, onboard, type RawSocket, rawSocket, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { asker } from './people.ts'

afterEach(closeRigs)

const MOST = 1024
const FULL = {
  success: false,
  error: { code: 'too_many_subscriptions', message: 'This socket has too many subscriptions.' },
}

/** Sends a command so many times, under the next ids, and takes the answers. */
const many = async (raw: RawSocket, type: string, fields: object, count: number): Promise<unknown[]> => {
  for (let id = 1; id <= count; id++) raw.send({ id, type, ...fields })
  const answers: unknown[] = []
  while (answers.length < count) answers.push(await raw.next())
  return answers
}

describeTransports('one socket', (start) => {
  test('has so many subscriptions and no more, whatever they are of, until one ends', async () => {
    const gateway = await start()
    const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
    const answers = await many(raw, 'subscribe_events', { event_type: 'state_changed' }, MOST)
    expect(answers.every((answer) => (answer as { success: boolean }).success)).toBe(true)
    const ask = asker(raw, MOST)
    expect(await ask('subscribe_events', { event_type: 'user_added' })).toMatchObject(FULL)
    expect(await ask('auth/subscribe')).toMatchObject(FULL)
    expect(await ask('config/auth/subscribe')).toMatchObject(FULL)
    // What was refused is not heard: the answer is all that comes.
    expect(await ask('config/auth/create', { name: 'Ann' })).toMatchObject({ success: true })
    expect(await ask('unsubscribe_events', { subscription: 1 })).toMatchObject({ success: true })
    expect(await ask('config/auth/subscribe')).toMatchObject({ success: true })
    expect(await ask('auth/subscribe')).toMatchObject(FULL)
  })

  test('knows the logins that it began last', async () => {
    const gateway = await start({ 'limits.login_flows.per_address': '200' })
    await onboard(gateway.url)
    const raw = rawSocket(gateway.url)
    await raw.next()
    const ask = asker(raw)
    const flows: string[] = []
    for (let i = 0; i < 101; i++) {
      const begun = await ask('auth/login_flow', { client_id: CLIENT_ID, handler: ['homeassistant', null] })
      flows.push((begun as { result: { flow_id: string } }).result.flow_id)
    }
    const step = (flow_id: string) => ask('auth/login_flow/step', { flow_id, user_input: {} })
    const unknown = { error: { code: 'not_found', message: 'Invalid flow specified' } }
    expect(await step(flows[0]!)).toMatchObject(unknown)
    expect(await step(flows[1]!)).toMatchObject({ error: { message: 'User input malformed' } })
    expect(await step(flows[100]!)).toMatchObject({ error: { message: 'User input malformed' } })
  })
})
