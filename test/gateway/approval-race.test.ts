/** An approval that falls into the moment between the answer "wait" and the listening for what becomes of it. */
import { expect, test } from 'vitest'
import { createLogin } from '../../src/auth/login.ts'
import { newId } from '../../src/auth/secrets.ts'
import { systemClock } from '../../src/clock.ts'
import { Approvals } from '../../src/gateway/approvals.ts'
import type { AnyContext } from '../../src/gateway/dispatch.ts'
import type { LoginAttempts } from '../../src/gateway/login-attempts.ts'
import { type SessionParts, sessionHandlers } from '../../src/gateway/session.ts'
import type { FlowId } from '../../src/store/model.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { CLIENT_ID } from '../rig.ts'
import { CAPS, newOwner } from '../store/records.ts'

const MINUTE = 60_000

test('it is heard all the same', async () => {
  const { store, feed } = await openSqlite({
    file: ':memory:',
    expect: null,
    pepperCheck: () => Buffer.alloc(32),
    clock: systemClock,
  })
  await store.users.createOwner(newOwner())
  const late: Store = {
    ...store,
    flows: {
      ...store.flows,
      // The login has been written down as waiting, and who it waits for is let in before anybody listens.
      replace: async (flow) => {
        const replaced = await store.flows.replace(flow)
        await store.users.approve(flow.waitsFor!.user)
        return replaced
      },
    },
  }
  const known = { type: 'known', id: null, name: 'Known', stepId: 'init', fields: [] }
  const provider = { ...known, login: async () => ({ kind: 'identity', subject: 'eve', name: 'Eve' }) as const }
  const login = createLogin(late, [provider], systemClock, {
    flowLifetimeMs: 10 * MINUTE,
    codeLifetimeMs: MINUTE,
    caps: CAPS,
    mayRedirect: async () => true,
    newUsers: { begin: 'pending', pending: 10, pendingMs: MINUTE },
  })
  const address = '127.0.0.1'
  const started = await login.start({
    clientId: CLIENT_ID,
    redirectUri: CLIENT_ID,
    handler: ['known', null],
    challenge: null,
    purpose: 'login',
    address,
  })
  if (!('step' in started)) throw new Error('no flow')
  const { flow_id } = started.step
  const delivered = new Promise<[number, string]>((resolve) => {
    const context: Partial<AnyContext> = {
      address,
      isForeign: false,
      logins: new Map([[flow_id, CLIENT_ID]]),
      loginsChanged: () => undefined,
      lastId: 7,
      subscribe: () => undefined,
      unsubscribe: () => true,
      deliver: (id, text) => resolve([id, text]),
    }
    const attempts: Partial<LoginAttempts> = { step: (id, client, from, input) => login.step(id, client, from, input) }
    const parts: Partial<SessionParts> = {
      attempts: attempts as LoginAttempts,
      approvals: new Approvals(feed, systemClock),
    }
    const step = sessionHandlers(parts as SessionParts)['auth/login_flow/step']
    const input = { flow_id: flow_id as FlowId, client_id: undefined, user_input: { proof: newId() } }
    void Promise.resolve(step(context as AnyContext, input)).then((answer) =>
      expect(answer).toMatchObject({ step_id: 'pending' }),
    )
  })
  const [command, event] = await delivered
  expect(command).toBe(7)
  expect(JSON.parse(event)).toMatchObject({ type: 'create_entry', flow_id })
  await store.close()
})
