/** What a live socket may do, and what it hears when that changes. */
import { afterEach, expect, test } from 'vitest'
import { anotherSession, closeRigs, rawSocket } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { admit, begin, enter, TOPICS, told } from './members.ts'
import { type Ask, asker } from './people.ts'

afterEach(closeRigs)

type Admitted = Awaited<ReturnType<typeof admit>>

/** Subscribes under the next id; the events are then taken from the raw socket. */
const subscribe = (ask: Ask) => told(ask, 'auth/subscribe')

/** The next event, without its frame. */
const heard = async ({ raw }: Pick<Admitted, 'raw'>): Promise<unknown> => {
  const frame = (await raw.next()) as { type: string; event: unknown }
  expect(frame).toMatchObject({ type: 'event' })
  return frame.event
}

const USER_CHANGED = { type: 'user_changed', at: expect.any(String) }

describeTransports('rights of live sockets', (start) => {
  test('that are gained and lost are told, with a change of a policy, of membership and of a group (F4)', async () => {
    const { gateway, owner, create } = await begin(start)
    const kitchen = await create('Kitchen', { topics: { a: { read: true } } })
    const hall = await create('Hall', { topics: { b: true }, documents: { x: { read: true } } })
    const cook = await admit(gateway, owner, 'cook', [kitchen.id])
    await subscribe(cook.ask)
    const expectChange = async (gained: object, lost: object, more: object = {}): Promise<void> => {
      expect(await heard(cook)).toEqual({ type: 'rights_changed', gained, lost, ...more })
      expect(await heard(cook)).toEqual(USER_CHANGED)
    }
    const policy = { topics: { a: { edit: true }, c: { read: true } } }
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy })
    await expectChange({ topics: { a: { edit: true }, c: { read: true } } }, { topics: { a: { read: true } } })
    await cook.put([kitchen.id, hall.id])
    await expectChange({ topics: { b: true }, documents: { x: { read: true } } }, {})
    await told(owner, 'config/auth/groups/delete', { group_id: kitchen.id })
    await expectChange({}, policy)
    await cook.put(['system-read-only'])
    await expectChange({ entities: { all: { read: true } } }, { topics: { b: true }, documents: { x: { read: true } } })
    await cook.put(['system-users'])
    await expectChange({ entities: { all: { control: true, edit: true } } }, {})
    // Something broad becomes something narrow: there is no way to say "all but".
    await cook.put([hall.id])
    await expectChange({ topics: { b: true }, documents: { x: { read: true } } }, { entities: true })
  })

  test('of an administrator come and go as such', async () => {
    const { gateway, owner, create } = await begin(start)
    const all = await create('All', { entities: true, topics: true, documents: true })
    const adm = await admit(gateway, owner, 'adm', ['system-users'])
    await subscribe(adm.ask)
    const changed = { type: 'rights_changed', gained: {}, lost: {} }
    await adm.put(['system-admin'])
    const others = { topics: true, documents: true }
    expect(await heard(adm)).toEqual({ ...changed, gained: others, admin: 'gained' })
    expect(await heard(adm)).toEqual(USER_CHANGED)
    await adm.put([all.id])
    expect(await heard(adm)).toEqual({ ...changed, admin: 'lost' })
    expect(await heard(adm)).toEqual(USER_CHANGED)
  })

  test('that stay the same are not told, whatever else has changed', async () => {
    const { gateway, owner, create } = await begin(start)
    const some = await create('Some', { topics: { a: true } })
    const same = await create('Same', { topics: { a: true } })
    const cook = await admit(gateway, owner, 'cook', [some.id])
    await subscribe(cook.ask)
    await told(owner, 'config/auth/update', { user_id: cook.id, name: 'Cook' })
    expect(await heard(cook)).toEqual(USER_CHANGED)
    await cook.put([same.id])
    expect(await heard(cook)).toEqual(USER_CHANGED)
    await told(owner, 'config/auth/groups/update', { group_id: same.id, policy: { topics: { a: true }, entities: {} } })
    expect(await heard(cook)).toEqual(USER_CHANGED)
    // And of what became of others.
    const other = await admit(gateway, owner, 'other', [some.id])
    await other.put([])
    expect(await told(cook.ask, 'ping')).toBe(undefined)
  })

  test('are told after the subscriptions that they end, and before the events that waited', async () => {
    const { gateway, owner } = await begin(start)
    const adm = await admit(gateway, owner, 'adm', ['system-admin'])
    expect(await told(adm.ask, 'config/auth/subscribe')).toBe(null)
    await subscribe(adm.ask)
    await adm.put([])
    const lost = { topics: true, documents: true, entities: true }
    const event = { type: 'rights_changed', gained: {}, lost, admin: 'lost' }
    expect(await adm.raw.next()).toEqual({ id: 2, type: 'event', event })
    expect(await adm.raw.next()).toEqual({ id: 2, type: 'event', event: USER_CHANGED })
    expect(await told(adm.ask, 'unsubscribe_events', { subscription: 1 })).toBe('not_found')
  })

  test('are told between the answers by the old ones and the answers by the new ones', async () => {
    const { gateway, owner, create } = await begin(start)
    const { id } = await create('x', { topics: { a: true } })
    const { raw, ask } = await admit(gateway, owner, 'member', [id])
    await subscribe(ask)
    let command = 1
    for (let round = 0; round < 10; round++) {
      const allowed = round % 2 === 1
      const frames: unknown[] = []
      const next = async () => {
        const {
          id: of,
          event,
          result,
        } = (await raw.next()) as { id: number; event?: { type: string }; result?: boolean }
        frames.push(event?.type ?? result)
        return of
      }
      let done = false
      const policy = allowed ? { topics: { a: true } } : {}
      const change = told(owner, 'config/auth/groups/update', { group_id: id, policy }).then(() => {
        done = true
      })
      while (!done) {
        const last = command + 20
        while (command < last)
          raw.send({ id: ++command, type: 'auth/check', category: 'topics', object: 'a', key: 'read' })
        while ((await next()) !== last);
      }
      await change
      const at = frames.indexOf('rights_changed')
      expect(frames.slice(0, at).filter((one) => one === allowed)).toEqual([])
      expect(frames.slice(at).filter((one) => one === !allowed)).toEqual([])
      expect(frames.filter((one) => typeof one === 'string')).toEqual(['rights_changed', 'user_changed'])
    }
  })

  test('are told once, whether a renewal in place or the change itself comes first', async () => {
    const { gateway, owner, create } = await begin(start)
    const kitchen = await create('Kitchen', { topics: { a: true } })
    const cook = await admit(gateway, owner, 'cook', [kitchen.id])
    await subscribe(cook.ask)
    const user = { name: 'cook', username: 'cook', password: 'a long password' }
    const { access_token } = await anotherSession(gateway.url, user)
    expect(await heard(cook)).toMatchObject({ type: 'session_added' })
    for (let round = 0; round < 20; round++) {
      const policy = round % 2 === 0 ? {} : { topics: { a: true } }
      cook.raw.send({ id: 2 + round, type: 'auth/renew', access_token })
      await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy })
      const frames = [await cook.raw.next(), await cook.raw.next(), await cook.raw.next()]
      const change = { type: 'rights_changed', gained: policy, lost: round % 2 === 0 ? { topics: { a: true } } : {} }
      const events = frames.filter((frame) => (frame as { type: string }).type === 'event')
      expect(events).toEqual([
        { id: 1, type: 'event', event: change },
        { id: 1, type: 'event', event: USER_CHANGED },
      ])
      expect(frames).toContainEqual(expect.objectContaining({ id: 2 + round, success: true }))
    }
  })

  test('are told to each subscription of each socket until it ends', async () => {
    const { gateway, owner, create } = await begin(start)
    const kitchen = await create('Kitchen', { topics: { a: true } })
    const first = await admit(gateway, owner, 'cook', [kitchen.id])
    const second = { raw: await enter(gateway, 'cook') }
    const silent = asker(await enter(gateway, 'cook'))
    for (const ask of [first.ask, first.ask, asker(second.raw)]) await subscribe(ask)
    const lost = { type: 'rights_changed', gained: {}, lost: { topics: { a: true } } }
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy: {} })
    expect([await first.raw.next(), await first.raw.next()]).toMatchObject([
      { id: 1, event: lost },
      { id: 2, event: lost },
    ])
    expect([await first.raw.next(), await first.raw.next()]).toMatchObject([
      { event: USER_CHANGED },
      { event: USER_CHANGED },
    ])
    expect(await heard(second)).toEqual(lost)
    expect(await told(first.ask, 'unsubscribe_events', { subscription: 1 })).toBe(null)
    await told(owner, 'config/auth/groups/update', { group_id: kitchen.id, policy: { topics: { a: true } } })
    const gained = { type: 'rights_changed', gained: { topics: { a: true } }, lost: {} }
    expect(await first.raw.next()).toEqual({ id: 2, type: 'event', event: gained })
    expect(await told(silent, 'ping')).toBe(undefined)
  })

  test('are judged anew by activity and by where a local user may be: the sockets end with 4201 (F5, F9)', async () => {
    const { gateway, owner } = await begin(start, { ...TOPICS, 'server.trusted_proxies': '127.0.0.1' })
    const { url } = gateway
    const near = await admit(gateway, owner, 'bob', ['system-users'])
    const user = { name: 'bob', username: 'bob', password: 'a long password' }
    const { access_token } = await anotherSession(url, user)
    const far = rawSocket(url, { 'x-forwarded-for': '203.0.113.7' })
    await far.next()
    far.send({ type: 'auth', access_token })
    expect(await far.next()).toMatchObject({ type: 'auth_ok' })
    expect(await told(owner, 'config/auth/update', { user_id: near.id, local_only: true })).toHaveProperty('user')
    // Nothing is executed any more, from the answer on.
    far.send({ id: 1, type: 'auth/current_user' })
    expect((await far.closed).code).toBe(4201)
    await expect(far.next()).rejects.toThrow()
    expect(await told(near.ask, 'ping')).toBe(undefined)
    // It may come back once it is allowed to.
    await told(owner, 'config/auth/update', { user_id: near.id, local_only: false })
    const again = rawSocket(url, { 'x-forwarded-for': '203.0.113.7' })
    await again.next()
    again.send({ type: 'auth', access_token })
    expect(await again.next()).toMatchObject({ type: 'auth_ok' })
    await told(owner, 'config/auth/update', { user_id: near.id, is_active: false })
    expect([(await near.raw.closed).code, (await again.closed).code]).toEqual([4201, 4201])
  })
})
