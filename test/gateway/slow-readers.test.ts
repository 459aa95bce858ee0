/** Peers that ask and do not read: each is let go within its bound, and nobody else notices. */
import { afterEach, expect, test } from 'vitest'
import { authenticated, closeRigs, type RawSocket, type Rig, type RigSettings, rig, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { metric } from './metric.ts'

afterEach(closeRigs)

/** Long-lived tokens of the user: so many entries make the answer to `auth/refresh_tokens` a large one. */
const SESSIONS = 100
/** A peer has two seconds and more to answer the close, before it counts as closed. */
const GRACE = { timeout: 15_000 }

describeTransports('a slow reader', (_, transport) => {
  const start = async (settings: RigSettings) => {
    const gateway = await rig({ 'server.transport': transport, ...settings })
    const { access_token } = await session(gateway.url)
    const good = await authenticated(gateway.url, access_token)
    for (let id = 1; id <= SESSIONS; id++) {
      good.send({ id, type: 'auth/long_lived_access_token', client_name: `script ${id}`, lifespan: 1 })
      await good.next()
    }
    return { gateway, good, open: () => authenticated(gateway.url, access_token) }
  }

  const backlog = (gateway: Rig): Promise<number> => metric(gateway, 'latchkey_backlog_bytes')
  const letGo = (gateway: Rig): Promise<number> => metric(gateway, 'latchkey_socket_closes_total{code="4001"}')

  /** Stops reading and asks until the gateway has something that it cannot send. Resolves to the last id. */
  const clog = async (gateway: Rig, raw: RawSocket): Promise<number> => {
    const before = await backlog(gateway)
    raw.socket.pause()
    let id = 0
    while ((await backlog(gateway)) <= before) {
      for (let i = 0; i < 5; i++) raw.send({ id: ++id, type: 'auth/refresh_tokens' })
    }
    return id
  }

  const answersOn = async (good: RawSocket, id: number): Promise<void> => {
    good.send({ id, type: 'ping' })
    expect(await good.next()).toEqual({ id, type: 'pong' })
  }

  test('is closed with 4001 when more than its bytes wait (A21)', async () => {
    const { gateway, good, open } = await start({ 'limits.outbox': '1MiB' })
    const slow = await open()
    let id = await clog(gateway, slow)
    while ((await letGo(gateway)) === 0) slow.send({ id: ++id, type: 'auth/refresh_tokens' })
    expect(await backlog(gateway)).toBe(0)
    await answersOn(good, 1000)
  })

  test('is closed with 4001 as soon as 4,096 messages wait (A21)', async () => {
    const { gateway, good, open } = await start({ 'limits.outbox': '64MiB' })
    const slow = await open()
    const id = await clog(gateway, slow)
    const pings = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: from + i, type: 'ping' }))
    slow.send(pings(id + 1, 2000))
    slow.send(pings(id + 2001, 2000))
    await answersOn(good, 1000)
    expect(await letGo(gateway)).toBe(0)
    slow.send(pings(id + 4001, 100))
    await expect.poll(() => letGo(gateway), GRACE).toBe(1)
  })

  test('is closed with 4001 when more than 1,024 messages have waited for ten seconds (A21)', async () => {
    const { gateway, good, open } = await start({ 'limits.outbox': '64MiB' })
    const slow = await open()
    const id = await clog(gateway, slow)
    slow.send(Array.from({ length: 1100 }, (_, i) => ({ id: id + 1 + i, type: 'ping' })))
    await expect.poll(() => metric(gateway, 'latchkey_backlog_bytes')).toBeGreaterThan(20_000)
    await answersOn(good, 1000)
    gateway.clock.move(9000)
    expect(await letGo(gateway)).toBe(0)
    gateway.clock.move(1500)
    await expect.poll(() => letGo(gateway), GRACE).toBe(1)
  })

  test('that reads again in time gets everything, in order', async () => {
    const { gateway, open } = await start({ 'limits.outbox': '64MiB' })
    const slow = await open()
    const id = await clog(gateway, slow)
    slow.send(Array.from({ length: 1100 }, (_, i) => ({ id: id + 1 + i, type: 'ping' })))
    gateway.clock.move(5000)
    slow.socket.resume()
    for (let next = 1; next <= id + 1100; next++) expect(await slow.next()).toMatchObject({ id: next })
    gateway.clock.move(6000)
    slow.send({ id: id + 2000, type: 'ping' })
    expect(await slow.next()).toEqual({ id: id + 2000, type: 'pong' })
  })

  test('with the largest queue is closed first when all together keep too much waiting (A21)', async () => {
    const { gateway, good, open } = await start({ 'limits.outbox': '64MiB', 'limits.outbox_total': '1MiB' })
    const small = await open()
    const large = await open()
    await clog(gateway, small)
    let id = await clog(gateway, large)
    while ((await letGo(gateway)) === 0) large.send({ id: ++id, type: 'auth/refresh_tokens' })
    large.socket.resume()
    await large.closed
    small.socket.resume()
    expect(await small.next()).toMatchObject({ id: 1 })
    expect(small.socket.readyState).toBe(small.socket.OPEN)
    await answersOn(good, 1000)
  })
})
