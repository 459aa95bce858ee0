/** A step-up by its rules: who can prove something by it, and who not any more. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogin, type LoginRules } from '../../src/auth/login.ts'
import { newId } from '../../src/auth/secrets.ts'
import { systemClock } from '../../src/clock.ts'
import type { FlowId, User } from '../../src/store/model.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { CAPS, credential, newOwner, user } from '../store/records.ts'

const MINUTE = 60_000
const HERE = '192.168.1.9'
const AWAY = '203.0.113.9'

describe('a step-up', () => {
  let store: Store
  let login: LoginRules
  let ann: User
  let bob: User

  beforeEach(async () => {
    const opened = await openSqlite({
      file: ':memory:',
      expect: null,
      pepperCheck: () => Buffer.alloc(32),
      clock: systemClock,
    })
    store = opened.store
    const owner = newOwner()
    ann = owner.user
    await store.users.createOwner(owner)
    bob = user()
    await store.users.create(bob)
    await store.passwords.add(credential(bob, 'bob'), 'hash')
    const known = { type: 'homeassistant', id: null, name: 'Known', stepId: 'init', fields: [] }
    const provider = {
      ...known,
      login: async ({ name }: { name?: unknown }) =>
        ({ kind: 'identity', subject: String(name), name: String(name) }) as const,
    }
    login = createLogin(store, [provider], systemClock, {
      flowLifetimeMs: 10 * MINUTE,
      codeLifetimeMs: MINUTE,
      caps: CAPS,
      mayRedirect: async () => true,
      newUsers: { begin: 'pending', pending: 10, pendingMs: MINUTE },
    })
  })

  afterEach(() => store.close())

  const begin = async (address = HERE): Promise<FlowId> => {
    const outcome = await login.startStepUp({ handler: ['homeassistant', null], address, instead: null })
    if (!('step' in outcome)) throw new Error(`no flow: ${JSON.stringify(outcome)}`)
    return outcome.step.flow_id as FlowId
  }

  test('confirms the user whose socket it is, once', async () => {
    const id = await begin()
    expect(await login.stepUp(id, bob.id, HERE, { name: 'bob' })).toEqual({ confirmed: ['homeassistant', null] })
    expect(await login.stepUp(id, bob.id, HERE, { name: 'bob' })).toEqual({ refused: 'unknown_flow' })
  })

  test('confirms nobody else, and makes nobody a user', async () => {
    for (const [who, name] of [
      [bob, 'ann'],
      [ann, 'bob'],
      [bob, 'eve'],
    ] as const) {
      const id = await begin()
      expect(await login.stepUp(id, who.id, HERE, { name })).toEqual({ refused: 'identity_mismatch' })
      expect(await login.stepUp(id, who.id, HERE, { name })).toEqual({ refused: 'unknown_flow' })
    }
    expect(await store.users.list()).toHaveLength(2)
  })

  test('is over where the user may not act, or not from there, any more (F5, F9)', async () => {
    const [first, second] = [await begin(AWAY), await begin()]
    await store.users.update(bob.id, { localOnly: true })
    expect(await login.stepUp(first, bob.id, AWAY, { name: 'bob' })).toEqual({
      blocked: 'User cannot authenticate remotely',
    })
    await store.users.update(bob.id, { isActive: false })
    expect(await login.stepUp(second, bob.id, HERE, { name: 'bob' })).toEqual({ blocked: 'User is not active' })
    for (const id of [first, second]) {
      const address = id === first ? AWAY : HERE
      expect(await login.stepUp(id, bob.id, address, { name: 'bob' })).toEqual({ refused: 'unknown_flow' })
    }
  })

  test('is of its address, is no login, and a login is no step-up (D19)', async () => {
    const id = await begin()
    expect(await login.stepUp(id, bob.id, AWAY, { name: 'bob' })).toEqual({ refused: 'address_changed' })
    expect(await login.step(id, 'https://example.com/', HERE, { name: 'bob' })).toEqual({ refused: 'unknown_flow' })
    const started = await login.start({
      clientId: 'https://example.com/',
      redirectUri: 'https://example.com/',
      handler: ['homeassistant', null],
      challenge: null,
      purpose: 'login',
      address: HERE,
    })
    const { flow_id } = (started as { step: { flow_id: string } }).step
    expect(await login.stepUp(flow_id as FlowId, bob.id, HERE, { name: 'bob' })).toEqual({ refused: 'unknown_flow' })
    expect(await login.stepUp(newId<FlowId>(), bob.id, HERE, {})).toEqual({ refused: 'unknown_flow' })
    expect(await login.stepUp(id, bob.id, HERE, { name: 'bob' })).toHaveProperty('confirmed')
  })
})
