/** Live sockets and the policies of groups: what changes is in force with the answer that says so. */
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { authenticated, closeRigs, exchange, logIn } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { rest } from './endings.ts'
import { admit, begin, TOPICS, told } from './members.ts'
import { asker } from './people.ts'

afterEach(closeRigs)

describeTransports('live sockets', (start) => {
  test('from the answer to a change of policy, membership or group on, everything is judged by the new rights (F4)', async () => {
    const { gateway, owner, create } = await begin(start)
    const kitchen = await create('Kitchen', { topics: { a: true } })
    const hall = await create('Hall', { topics: { b: true } })
    const cook = await admit(gateway, owner, 'cook', [kitchen.id])
    const rights = async () => [await cook.may('topics', 'a', 'read'), await cook.may('topics', 'b', 'read')]
    expect(await rights()).toEqual([true, false])
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy: { topics: { b: true } } })
    expect(await rights()).toEqual([false, true])
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy: { topics: { a: { edit: true } } } })
    expect(await rights()).toEqual([false, false])
    await cook.put([kitchen.id, hall.id])
    expect(await rights()).toEqual([false, true])
    await told(owner, 'config/auth/groups/delete', { group_id: hall.id })
    expect(await rights()).toEqual([false, false])
    await cook.put(['system-admin'])
    expect(await rights()).toEqual([true, true])
    expect(await told(cook.ask, 'config/auth/list')).toHaveLength(2)
    await cook.put([])
    expect(await rights()).toEqual([false, false])
    expect(await told(cook.ask, 'config/auth/list')).toBe('unauthorized')
  })

  test('commands that arrive while rights are lowered are answered by the old or the new ones, and by the new from then on (F4)', async () => {
    const { gateway, owner, create } = await begin(start)
    const { id } = await create('x', { topics: { a: true } })
    const member = await admit(gateway, owner, 'member', [id])
    for (let round = 0; round < 10; round++) {
      const policy = round % 2 === 0 ? {} : { topics: { a: true } }
      let lowered = false
      const change = told(owner, 'config/auth/groups/update', { group_id: id, policy }).then(() => {
        lowered = true
      })
      const heard: unknown[] = []
      while (!lowered) heard.push(await member.may('topics', 'a', 'read'))
      await change
      const now = round % 2 === 1
      expect(await member.may('topics', 'a', 'read')).toBe(now)
      // It changes once, and not back.
      const turn = heard.indexOf(now)
      if (turn !== -1) expect(new Set(heard.slice(turn))).toEqual(new Set([now]))
    }
  })

  test('an event of the same commit that lowers the rights is not heard, and the subscription is over (F4)', async () => {
    const { gateway, owner } = await begin(start)
    const admin = await admit(gateway, owner, 'adm', ['system-admin'])
    expect(await told(admin.ask, 'subscribe_events', { event_type: 'user_added' })).toBe(null)
    expect(await told(admin.ask, 'subscribe_events', { event_type: 'state_changed' })).toBe(null)
    // It works until then.
    await told(owner, 'config/auth/create', { name: 'before' })
    expect(await admin.raw.next()).toMatchObject({ id: 1, event: { event_type: 'user_added' } })
    // Begun in one turn, so that both are in one transaction.
    const { url } = gateway
    const raw = await authenticated(url, (await exchange(url, await logIn(url))).access_token)
    raw.send([
      { id: 1, type: 'config/auth/update', user_id: admin.id, group_ids: ['system-users'] },
      { id: 2, type: 'config/auth/create', name: 'after' },
    ])
    expect([await raw.next(), await raw.next()]).toMatchObject([{ success: true }, { success: true }])
    expect(await told(admin.ask, 'auth/permissions')).toEqual({ entities: true })
    // What everybody may hear goes on.
    expect(await told(admin.ask, 'unsubscribe_events', { subscription: 1 })).toBe('not_found')
    expect(await told(admin.ask, 'unsubscribe_events', { subscription: 2 })).toBe(null)
    // Rights that come back do not bring it back.
    await admin.put(['system-admin'])
    await told(owner, 'config/auth/create', { name: 'later' })
    expect(await told(admin.ask, 'auth/check', { category: '', object: '', key: '' })).toBe(true)
  })

  test('while the server goes down, when rights are not read again, only what everybody may hear is heard', async () => {
    // A password that takes its time keeps the socket open.
    const { gateway, owner } = await begin(start, { ...TOPICS, 'hashing.time': '60' })
    const { user } = (await told(owner, 'config/auth/create', { name: 'bob' })) as { user: { id: string } }
    const { url } = gateway
    const raw = await authenticated(url, (await exchange(url, await logIn(url))).access_token)
    raw.send([
      { id: 1, type: 'subscribe_events', event_type: 'user_updated' },
      { id: 2, type: 'config/auth/update', user_id: user.id, name: 'Bob' },
    ])
    const heard = [await raw.next(), await raw.next(), await raw.next()]
    expect(heard).toContainEqual(expect.objectContaining({ id: 1, type: 'event' }))
    raw.send([
      {
        id: 3,
        type: 'config/auth_provider/homeassistant/create',
        user_id: user.id,
        username: 'bob',
        password: 'long enough',
      },
      { id: 4, type: 'ping' },
    ])
    expect(await raw.next()).toEqual({ id: 4, type: 'pong' })
    const stopped = gateway.stop()
    await askControl(join(gateway.dataDir, 'control.sock'), 'user.deactivate', { user: user.id })
    const { messages, code } = await rest(raw)
    expect([code, messages]).toEqual([4000, [{ id: 3, type: 'result', success: true, result: null }]])
    await stopped
  })

  test('nobody else’s sockets notice, and a changed name changes no rights', async () => {
    const { gateway, owner, create } = await begin(start)
    const kitchen = await create('Kitchen', { topics: { a: true } })
    const hall = await create('Hall', { topics: { b: true } })
    const [cook, guest] = [
      await admit(gateway, owner, 'cook', [kitchen.id]),
      await admit(gateway, owner, 'guest', [hall.id]),
    ]
    const raw = await authenticated(gateway.url, (await exchange(gateway.url, await logIn(gateway.url))).access_token)
    const listener = asker(raw)
    await told(listener, 'subscribe_events', { event_type: 'user_updated' })
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, name: 'Kitchens' })
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy: {} })
    expect(await raw.next()).toMatchObject({ event: { event_type: 'user_updated', data: { user_id: cook.id } } })
    expect(await told(listener, 'ping')).toBe(undefined)
    expect(await guest.may('topics', 'b', 'read')).toBe(true)
  })
})
