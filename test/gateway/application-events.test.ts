/** An application's events: who hears them is judged at their delivery, and what listens ends with its session. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { anotherSession, authenticated, closeRigs, grantOf, rig } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { beginChat, chatting, expectQuiet, heard, logs, members } from './chatting.ts'
import { rest } from './endings.ts'
import { told } from './members.ts'
import { asker } from './people.ts'

afterEach(async () => {
  members.clear()
  await closeRigs()
})

const DAY = 86_400_000

describeTransports('an event type', (start) => {
  const subscribe = (ask: ReturnType<typeof asker>, event_type?: string) =>
    told(ask, 'subscribe_events', { event_type })

  test('comes in Home Assistant’s shape to whoever has subscribed, until they have not', async () => {
    const { gateway, owner, raw, admit } = await beginChat(start)
    const bob = await admit('bob', [])
    expect([await subscribe(owner, 'note'), await subscribe(bob.ask, 'note')]).toEqual([null, null])
    const { id: last } = (await owner('ping')) as { id: number }
    gateway.publish('note', { n: 1, more: 'is left out' })
    const text = await raw.nextText()
    expect(text).toMatch(
      new RegExp(
        `^{"type":"event","event":{"event_type":"note","data":{"n":1},"origin":"LOCAL","time_fired":"[^"]{24}",` +
          `"context":{"id":"[0-9a-f]{32}","parent_id":null,"user_id":null}},"id":${last - 1}}$`,
      ),
    )
    expect(await heard(bob.raw)).toBe(1)
    expect(await told(owner, 'unsubscribe_events', { subscription: last - 1 })).toBe(null)
    gateway.publish('note', { n: 2 })
    expect(await heard(bob.raw)).toBe(2)
    await expectQuiet(owner)
  })

  test('may be for one user or one session of those who listen', async () => {
    const { gateway, owner, raw, tokens, admit } = await beginChat(start)
    const bob = await admit('bob', [])
    const other = await anotherSession(gateway.url)
    const second = await authenticated(gateway.url, other.access_token)
    const ask = asker(second)
    for (const one of [owner, bob.ask, ask]) await subscribe(one, 'note')
    const { id } = (await told(owner, 'auth/current_user')) as { id: string }
    gateway.publish('note', { n: 1 }, { user: bob.id })
    gateway.publish('note', { n: 2 }, { session: grantOf(other.access_token) })
    gateway.publish('note', { n: 3 }, { user: id })
    gateway.publish('note', { n: 4 }, { user: bob.id, session: grantOf(tokens.access_token) })
    expect(await heard(bob.raw)).toBe(1)
    expect([await heard(second), await heard(second)]).toEqual([2, 3])
    expect(await heard(raw)).toBe(3)
    for (const one of [owner, bob.ask, ask]) await expectQuiet(one)
  })

  test('is for whom it says; an administrator hears every type, but none that is not for them', async () => {
    const { gateway, owner, raw, admit } = await beginChat(start)
    const adm = await admit('adm', ['system-admin'])
    const bob = await admit('bob', [])
    expect(await subscribe(bob.ask, 'audit')).toBe('unauthorized')
    expect(await subscribe(adm.ask, 'audit')).toBe('unauthorized')
    expect([await subscribe(adm.ask), await subscribe(bob.ask)]).toEqual([null, 'unauthorized'])
    expect(await subscribe(owner, 'audit')).toBe(null)
    gateway.publish('audit', {})
    gateway.publish('note', { n: 1 })
    expect(await raw.next()).toMatchObject({ event: { event_type: 'audit' } })
    expect(await heard(adm.raw)).toBe(1)
    for (const one of [owner, adm.ask, bob.ask]) await expectQuiet(one)
  })

  test('with a rule is judged for each who listens, by the rights of that moment (F4)', async () => {
    const { gateway, owner, groupOf, admit } = await beginChat(start)
    const a = await groupOf('a', { topics: { a: true } })
    const bob = await admit('bob', [a])
    const eve = await admit('eve', [])
    for (const { ask } of [bob, eve]) expect(await subscribe(ask, 'topical')).toBe(null)
    gateway.publish('topical', { topic: 'a', n: 1 })
    gateway.publish('topical', { topic: 'b', n: 2 })
    gateway.publish('topical', { topic: 'broken', n: 3 })
    expect(await heard(bob.raw)).toBe(1)
    for (const { ask } of [bob, eve]) await expectQuiet(ask)
    await logs(gateway, 'a rule of the application failed', 2)
    await told(owner, 'config/auth/groups/update', { group_id: a, policy: { topics: { b: true } } })
    gateway.publish('topical', { topic: 'a', n: 4 })
    gateway.publish('topical', { topic: 'b', n: 5 })
    expect(await heard(bob.raw)).toBe(5)
    for (const { ask } of [bob, eve]) await expectQuiet(ask)
  })

  test('that is published in the midst of the commit that lowers the rights is not heard (F4)', async () => {
    const { chat, gateway, owner, raw, groupOf, admit } = await beginChat(start)
    const a = await groupOf('a', { topics: { a: true } })
    const [ann, bob, eve] = [await admit('ann', [a]), await admit('bob', [a]), await admit('eve', [a])]
    expect(await told(ann.ask, 'chat/listen', { topic: 'a' })).toBe(null)
    for (const { ask } of [bob, eve]) expect(await subscribe(ask, 'topical')).toBe(null)
    chat.onEnd = () => gateway.publish('topical', { topic: 'a', n: 1 })
    const { id } = (await owner('ping')) as { id: number }
    // Begun in one turn, so that both are in one transaction: Ann's end first, then Bob's rights.
    raw.send([
      { id: id + 1, type: 'config/auth/revoke', user_id: ann.id },
      { id: id + 2, type: 'config/auth/update', user_id: bob.id, group_ids: [] },
    ])
    expect([await raw.next(), await raw.next()]).toMatchObject([{ success: true }, { success: true }])
    expect(chat.ended).toEqual(['listen ann a'])
    expect(await heard(eve.raw)).toBe(1)
    await expectQuiet(bob.ask)
  })

  test('is heard by nobody whose session has ended (F4)', async () => {
    const { gateway, owner, admit } = await beginChat(start)
    const [bob, eve] = [await admit('bob', []), await admit('eve', [])]
    for (const { ask } of [bob, eve]) expect(await subscribe(ask, 'note')).toBe(null)
    gateway.publish('note', { n: 1 })
    await told(owner, 'config/auth/revoke', { user_id: bob.id })
    gateway.publish('note', { n: 2 })
    const { messages, code } = await rest(bob.raw)
    expect([code, messages]).toMatchObject([4200, [{ event: { data: { n: 1 } } }]])
    expect([await heard(eve.raw), await heard(eve.raw)]).toEqual([1, 2])
  })

  test('while the server goes down is not heard where a rule would have to be asked', async () => {
    const { gateway, owner, raw } = await beginChat(start, { 'hashing.time': '60' })
    for (const type of ['note', 'topical']) expect(await subscribe(owner, type)).toBe(null)
    const { id } = (await told(owner, 'auth/current_user')) as { id: string }
    const { id: last } = (await owner('ping')) as { id: number }
    // A password that takes its time keeps the socket open.
    const change = { user_id: id, password: 'a long password' }
    raw.send({ id: last + 1, type: 'config/auth_provider/homeassistant/admin_change_password', ...change })
    raw.send({ id: last + 2, type: 'ping' })
    expect(await raw.next()).toEqual({ id: last + 2, type: 'pong' })
    const stopped = gateway.stop()
    gateway.publish('topical', { topic: 'a', n: 1 })
    gateway.publish('note', { n: 2 })
    const { messages } = await rest(raw)
    expect(messages.filter((message) => (message as { type: string }).type === 'event')).toMatchObject([
      { event: { event_type: 'note' } },
    ])
    await stopped
    gateway.publish('note', { n: 3 })
  })

  test('is made to text once for all who listen', async () => {
    const { gateway, owner, raw } = await beginChat(start)
    for (let i = 0; i < 50; i++) await subscribe(owner, 'any')
    let made = 0
    gateway.publish('any', {
      toJSON: () => {
        made++
        return 'x'
      },
    })
    for (let i = 0; i < 50; i++) expect(await raw.next()).toMatchObject({ event: { data: 'x' } })
    expect(made).toBe(1)
  })

  test('ends who does not read, and the others hear on (A21)', async () => {
    const { gateway, raw, owner, admit } = await beginChat(start, { 'limits.outbox': '1MiB' })
    const slow = await admit('slow', [])
    for (const one of [owner, slow.ask]) await subscribe(one, 'any')
    slow.raw.socket.pause()
    const text = 'x'.repeat(100_000)
    const closes = () =>
      fetch(`${gateway.adminUrl}/metrics`)
        .then((response) => response.text())
        .then((metrics) => /^latchkey_socket_closes_total{code="4001"} (\d+)$/m.exec(metrics)?.[1])
    // More than what the system between them holds.
    for (let i = 0; i < 300; i++) {
      gateway.publish('any', text)
      expect(await raw.next()).toMatchObject({ event: { data: text } })
    }
    // It has a while to answer the close.
    await expect.poll(closes, { timeout: 15_000 }).toBe('1')
    await expectQuiet(owner)
  })
})

describeTransports('a subscription of an application', (start) => {
  const begin = async (settings?: Record<string, string>) => {
    const begun = await beginChat(start, settings)
    const group = await begun.groupOf('readers', { topics: { a: true, b: true } })
    const bob = await begun.admit('bob', [group])
    /** Listens, and takes what every subscription begins with. */
    const listen = async (topic: string) => {
      const { id, result } = (await bob.ask('chat/listen', { topic })) as { id: number; result: unknown }
      expect([result, await heard(bob.raw), await heard(bob.raw)]).toEqual([null, -1, -2])
      return id
    }
    const lower = () =>
      told(begun.owner, 'config/auth/groups/update', { group_id: group, policy: { topics: { b: true } } })
    return { ...begun, group, bob, listen, lower }
  }

  test('brings what its handler emits after the answer, then what is published, in that order', async () => {
    const { gateway, bob, owner } = await begin()
    expect(await told(owner, 'chat/listen', { topic: 'a' })).toBe(null)
    // In one turn: the one before is not for who has not begun, the one after follows what the handler has emitted.
    bob.raw.send([
      { id: 100, type: 'chat/say', topic: 'a', n: 0 },
      { id: 101, type: 'chat/listen', topic: 'a' },
      { id: 102, type: 'chat/say', topic: 'a', n: 1 },
    ])
    for (const id of [100, 101, 102]) {
      expect(await bob.raw.next()).toEqual({ id, type: 'result', success: true, result: null })
    }
    for (const n of [2, 3]) gateway.publish('chat/listen', { n }, { topic: 'a' })
    expect(await bob.raw.nextText()).toBe('{"type":"event","event":{"n":-1},"id":101}')
    for (const n of [-2, 1, 2, 3]) expect(await heard(bob.raw)).toBe(n)
  })

  test('whose handler takes its time keeps that order too, whenever something is published', async () => {
    const { chat, gateway, bob } = await begin()
    bob.raw.send({ id: 100, type: 'chat/late', topic: 'a', early: 2 })
    await vi.waitFor(() => expect(chat.late).toHaveLength(1))
    chat.late[0]!()
    // In each of the steps in which it begins, and is answered.
    for (let n = 10; n < 40; n++) {
      gateway.publish('chat/late', { n })
      await Promise.resolve()
    }
    expect(await bob.raw.next()).toMatchObject({ id: 100, success: true })
    expect([await heard(bob.raw), await heard(bob.raw)]).toEqual([0, 1])
    const first = await heard(bob.raw)
    expect(first).toBeGreaterThanOrEqual(10)
    for (let n = first + 1; n < 40; n++) expect(await heard(bob.raw)).toBe(n)
    await expectQuiet(asker(bob.raw, 200))
  })

  test('hears its topic, and what is for all of the command, and what is for its user or its session', async () => {
    const { gateway, owner, raw, bob, tokens } = await begin()
    expect(await told(bob.ask, 'chat/listen', { topic: 'a' })).toBe(null)
    expect(await told(owner, 'chat/listen', { topic: 'b' })).toBe(null)
    for (const one of [raw, bob.raw]) expect([await heard(one), await heard(one)]).toEqual([-1, -2])
    gateway.publish('chat/listen', { n: 1 }, { topic: 'a' })
    gateway.publish('chat/listen', { n: 2 }, { topic: 'b' })
    gateway.publish('chat/listen', { n: 3 })
    gateway.publish('chat/listen', { n: 4 }, { topic: 'a', user: bob.id })
    gateway.publish('chat/listen', { n: 5 }, { topic: 'b', user: bob.id })
    gateway.publish('chat/listen', { n: 6 }, { session: grantOf(tokens.access_token) })
    gateway.publish('chat/listen', { n: 7 }, { topic: 'nobody' })
    expect([await heard(bob.raw), await heard(bob.raw), await heard(bob.raw)]).toEqual([1, 3, 4])
    expect([await heard(raw), await heard(raw), await heard(raw)]).toEqual([2, 3, 6])
    for (const one of [owner, bob.ask]) await expectQuiet(one)
  })

  test('is over when its client ends it, and may have nothing to stop', async () => {
    const { chat, gateway, bob, listen } = await begin()
    const subscription = await listen('a')
    expect(await told(bob.ask, 'unsubscribe_events', { subscription })).toBe(null)
    expect(chat.ended).toEqual(['listen bob a'])
    expect(await told(bob.ask, 'unsubscribe_events', { subscription })).toBe('not_found')
    const bare = (await bob.ask('chat/bare')) as { id: number }
    gateway.publish('chat/listen', { n: 1 })
    gateway.publish('chat/bare', { n: 2 })
    expect(await heard(bob.raw)).toBe(2)
    expect(await told(bob.ask, 'unsubscribe_events', { subscription: bare.id })).toBe(null)
    expect(chat.ended).toEqual(['listen bob a'])
  })

  test.each([
    ['its socket is closed', 1005],
    ['its session is revoked', 4200],
    ['its user is deactivated', 4201],
    ['its user is removed', 4201],
    ['its time is over', 4200],
  ] as const)('is over when %s, before whoever did it has the answer', async (how, code) => {
    const { chat, gateway, owner, raw, bob, listen } = await begin({ 'tokens.refresh_token_idle': '10d' })
    for (const topic of ['a', 'b']) await listen(topic)
    expect(chat.ended).toEqual([])
    const acts: Readonly<Record<typeof how, () => unknown>> = {
      'its socket is closed': () => bob.raw.socket.close(),
      'its session is revoked': () => told(owner, 'config/auth/revoke', { user_id: bob.id }),
      'its user is deactivated': () => told(owner, 'config/auth/update', { user_id: bob.id, is_active: false }),
      'its user is removed': () => told(owner, 'config/auth/delete', { user_id: bob.id }),
      'its time is over': () => gateway.clock.move(11 * DAY),
    }
    await acts[how]()
    const remote = how === 'its socket is closed' || how === 'its time is over'
    if (remote) await vi.waitFor(() => expect(chat.ended).toHaveLength(2))
    expect(chat.ended).toEqual(['listen bob a', 'listen bob b'])
    gateway.publish('chat/listen', { n: 1 })
    const end = await rest(bob.raw)
    expect([end.code, end.messages]).toEqual([code, []])
    if (!remote) expect(await told(asker(raw, 1000), 'ping')).toBeUndefined()
    expect(chat.ended).toHaveLength(2)
  })

  test('is over when the right to it is gone, and the others of its socket go on (F4)', async () => {
    const { chat, gateway, bob, listen, lower, owner, group } = await begin()
    for (const topic of ['a', 'b']) await listen(topic)
    await lower()
    gateway.publish('chat/listen', { n: 1 }, { topic: 'a' })
    gateway.publish('chat/listen', { n: 2 }, { topic: 'b' })
    expect(await heard(bob.raw)).toBe(2)
    expect(chat.ended).toEqual(['listen bob a'])
    // Rights that come back do not bring it back.
    await told(owner, 'config/auth/groups/update', { group_id: group, policy: { topics: { a: true } } })
    gateway.publish('chat/listen', { n: 3 }, { topic: 'a' })
    await expectQuiet(bob.ask)
  })

  test('is over at the next event where the application itself has changed its mind', async () => {
    const { chat, gateway, bob } = await begin()
    expect(await told(bob.ask, 'chat/members')).toBe('unauthorized')
    members.add('bob')
    expect(await told(bob.ask, 'chat/members')).toBe(null)
    gateway.publish('chat/members', { n: 1 })
    expect(await heard(bob.raw)).toBe(1)
    members.delete('bob')
    gateway.publish('chat/members', { n: 2 })
    await vi.waitFor(() => expect(chat.ended).toEqual(['members']))
    members.add('bob')
    gateway.publish('chat/members', { n: 3 })
    await expectQuiet(bob.ask)
  })

  test('that loses its right before it has begun does not begin (F4)', async () => {
    const { chat, bob, lower } = await begin()
    bob.raw.send({ id: 100, type: 'chat/late', topic: 'a', early: 3 })
    await vi.waitFor(() => expect(chat.late).toHaveLength(1))
    await lower()
    expect(await told(asker(bob.raw, 100), 'auth/check', { category: 'topics', object: 'a', key: 'read' })).toBe(false)
    chat.late[0]!()
    expect(await bob.raw.next()).toMatchObject({ id: 100, error: { code: 'unauthorized' } })
    expect(chat.ended).toEqual(['late bob a'])
    await expectQuiet(asker(bob.raw, 200))
  })

  test('whose socket is gone before it has begun is stopped', async () => {
    const { chat, owner, bob } = await begin()
    bob.raw.send({ id: 100, type: 'chat/late', topic: 'a' })
    await vi.waitFor(() => expect(chat.late).toHaveLength(1))
    await told(owner, 'config/auth/revoke', { user_id: bob.id })
    await bob.raw.closed
    expect(chat.ended).toEqual([])
    chat.late[0]!()
    await vi.waitFor(() => expect(chat.ended).toEqual(['late bob a']))
  })

  test('keeps what is emitted before its answer, up to a bound', async () => {
    const { chat, bob } = await begin()
    const late = async (id: number, early: number) => {
      bob.raw.send({ id, type: 'chat/late', topic: 'a', early })
      await vi.waitFor(() => expect(chat.late).toHaveLength(1))
      chat.late.pop()!()
      return bob.raw.next()
    }
    expect(await late(100, 1024)).toMatchObject({ id: 100, success: true })
    for (let n = 0; n < 1024; n++) expect(await heard(bob.raw)).toBe(n)
    expect(await late(101, 1025)).toMatchObject({
      id: 101,
      error: { code: 'temporarily_unavailable', retry_after_ms: 1000 },
    })
    expect(chat.ended).toEqual(['late bob a'])
    await expectQuiet(asker(bob.raw, 200))
  })

  test('may answer with a result; where that is another than declared nothing has begun', async () => {
    const { chat, gateway, bob } = await begin()
    expect(await told(bob.ask, 'chat/numbered', { result: 5 })).toBe(5)
    expect(await told(bob.ask, 'chat/numbered', { result: 'five' })).toBe('unknown_error')
    expect(chat.ended).toEqual(['numbered'])
    gateway.publish('chat/numbered', { n: 1 })
    expect(await heard(bob.raw)).toBe(1)
    await expectQuiet(bob.ask)
  })

  test('whose stop fails is over all the same, and the fault is in the log', async () => {
    const { chat, gateway, owner, bob } = await begin()
    for (const how of ['throws', 'rejects']) expect(await told(bob.ask, 'chat/faulty', { how })).toBe(null)
    expect(await told(bob.ask, 'chat/listen', { topic: 'a' })).toBe(null)
    expect(await told(owner, 'config/auth/revoke', { user_id: bob.id })).toMatchObject({
      revoked: 1,
      sockets_closed: 1,
    })
    expect(chat.ended).toEqual(['throws', 'rejects', 'listen bob a'])
    expect((await bob.raw.closed).code).toBe(4200)
    await logs(gateway, 'a subscription could not be stopped', 2)
  })

  test('goes on when its socket goes on with another session, and is over with that', async () => {
    const { chat, gateway, owner, raw, tokens } = await begin()
    const other = await anotherSession(gateway.url)
    expect(await told(owner, 'chat/listen', { topic: 'a' })).toBe(null)
    expect([await heard(raw), await heard(raw)]).toEqual([-1, -2])
    expect(await told(owner, 'auth/renew', { access_token: other.access_token })).toHaveProperty('expires_in')
    gateway.publish('chat/listen', { n: 1 }, { session: grantOf(tokens.access_token) })
    gateway.publish('chat/listen', { n: 2 }, { session: grantOf(other.access_token) })
    expect(await heard(raw)).toBe(2)
    expect(await told(owner, 'auth/delete_refresh_token', { refresh_token_id: grantOf(tokens.access_token) })).toEqual(
      {},
    )
    expect(chat.ended).toEqual([])
    expect(await told(owner, 'auth/delete_refresh_token', { refresh_token_id: grantOf(other.access_token) })).toEqual(
      {},
    )
    expect(chat.ended).toEqual(['listen Test User a'])
  })

  test('is over when the gateway closes', async () => {
    const { chat, gateway, bob } = await begin()
    expect(await told(bob.ask, 'chat/listen', { topic: 'a' })).toBe(null)
    await gateway.stop()
    expect((await bob.raw.closed).code).toBe(4000)
    expect(chat.ended).toEqual(['listen bob a'])
  })
})

describe('what is published', () => {
  test('has to fit its declaration, and whom it is for has to be said rightly: else nobody hears it', async () => {
    const gateway = await rig({}, undefined, chatting().application)
    const wrong = (...event: Parameters<typeof gateway.publish>): string => {
      try {
        gateway.publish(...event)
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
        return (error as TypeError).message
      }
      return ''
    }
    expect(wrong('nothing', {})).toBe('no event type and no subscription "nothing" is declared')
    expect(wrong('constructor', {})).toBe('no event type and no subscription "constructor" is declared')
    expect(wrong('note', { n: 'one' })).toMatch(/^note: the event is not what is declared \(n: /)
    expect(wrong('chat/listen', 5)).toMatch(/^chat\/listen: the event is not what is declared \(all of it: /)
    expect(wrong('any', undefined)).toBe('any: the event is nothing that JSON can hold')
    expect(wrong('any', 5n)).toMatch(/BigInt/)
    // What would make it everybody's by mistake.
    expect(wrong('note', { n: 1 }, { users: 'x' } as object)).toBe('note: nobody is addressed by "users"')
    expect(wrong('note', { n: 1 }, { user: undefined } as object)).toBe('note: user is a text')
    expect(wrong('note', { n: 1 }, { topic: 'x' })).toBe('note: topics are of subscriptions alone')
    expect(wrong('note', { n: 1 })).toBe('')
  })
})
