/** What a gateway bears from one socket, from one address, and from all of them. */
import { get } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { anotherSession, authenticated, closeRigs, type RawSocket, type Rig, rawSocket, rig, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { metric } from './metric.ts'

afterEach(closeRigs)

interface Refused {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: unknown
}

/** The answer to a handshake that is not to succeed. */
const refused = (url: string, headers: Record<string, string> = {}): Promise<Refused> =>
  new Promise((resolve, reject) => {
    const request = get(`${url}/api/websocket`, {
      agent: false,
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    })
    request.on('error', reject)
    request.on('upgrade', (_, socket) => {
      socket.destroy()
      reject(new Error('was upgraded'))
    })
    request.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({
        status: response.statusCode ?? 0,
        retryAfter: response.headers['retry-after'],
        body: JSON.parse(Buffer.concat(chunks).toString()),
      })
    })
  })

/** A socket that has heard `auth_required`, and so counts. */
const waiting = async (url: string, headers: Record<string, string> = {}): Promise<RawSocket> => {
  const raw = rawSocket(url, headers)
  await raw.next()
  return raw
}

const ROUND_MS = 27_500

describeTransports('sockets that are not authenticated', (_, transport) => {
  const start = (total: string, perAddress: string) =>
    rig({
      'server.transport': transport,
      'server.trusted_proxies': '127.0.0.1',
      'limits.unauthenticated_sockets.total': total,
      'limits.unauthenticated_sockets.per_address': perAddress,
    })
  const from = (address: string) => ({ 'x-forwarded-for': address })

  test('of one address may be so many, then 429 before the upgrade (A23)', async () => {
    const gateway = await start('100', '2')
    await waiting(gateway.url, from('203.0.113.1'))
    await waiting(gateway.url, from('203.0.113.1'))
    expect(await refused(gateway.url, from('203.0.113.1'))).toEqual({
      status: 429,
      retryAfter: '10',
      body: { message: 'Too many sockets of this address are not authenticated.' },
    })
    await waiting(gateway.url, from('203.0.113.2'))
    expect(await metric(gateway, 'latchkey_sockets_refused_total{bound="address"}')).toBe(1)
    expect(await metric(gateway, 'latchkey_sockets_unauthenticated')).toBe(3)
  })

  test('of one IPv6 network of 64 bits count as of one address (A23)', async () => {
    const gateway = await start('100', '1')
    await waiting(gateway.url, from('2001:db8:1:2::1'))
    expect((await refused(gateway.url, from('2001:db8:1:2:ffff::9'))).status).toBe(429)
    await waiting(gateway.url, from('2001:db8:1:3::1'))
  })

  test('of all addresses may be so many, then 503 before the upgrade (A23)', async () => {
    const gateway = await start('2', '100')
    await waiting(gateway.url, from('203.0.113.1'))
    await waiting(gateway.url, from('203.0.113.2'))
    expect(await refused(gateway.url, from('203.0.113.3'))).toEqual({
      status: 503,
      retryAfter: '10',
      body: { message: 'Too many sockets are not authenticated.' },
    })
    expect(await metric(gateway, 'latchkey_sockets_refused_total{bound="unauthenticated"}')).toBe(1)
  })

  test('make room by authenticating, and by going', async () => {
    const gateway = await start('100', '1')
    const { access_token } = await session(gateway.url)
    await authenticated(gateway.url, access_token)
    await authenticated(gateway.url, access_token)
    const third = await waiting(gateway.url)
    expect((await refused(gateway.url)).status).toBe(429)
    third.socket.close()
    await third.closed
    await expect.poll(() => metric(gateway, 'latchkey_sockets_unauthenticated')).toBe(0)
    await waiting(gateway.url)
  })

  test('are ended at the deadline, which pings do not move, and make room then (A4)', async () => {
    const gateway = await start('100', '1')
    const raw = await waiting(gateway.url)
    gateway.clock.move(8000)
    raw.socket.ping()
    await new Promise((resolve) => raw.socket.once('pong', resolve))
    gateway.clock.move(2500)
    expect(await raw.closed).toEqual({ code: 4101, reason: '' })
    await waiting(gateway.url)
  })
})

describeTransports('the rate of messages', (_, transport) => {
  const start = () => rig({ 'server.transport': transport, 'limits.messages_per_second': '10' })

  const tooMany = (id: number) => ({
    id,
    type: 'result',
    success: false,
    error: { code: 'rate_limited', message: 'Too many messages.', retry_after_ms: 1000 },
  })

  const open = async (gateway: Rig): Promise<RawSocket> =>
    authenticated(gateway.url, (await session(gateway.url)).access_token)

  test("twice a second's messages pass at once, the next is refused and not executed (A19)", async () => {
    const gateway = await start()
    const raw = await open(gateway)
    for (let id = 1; id <= 21; id++) raw.send({ id, type: 'ping' })
    for (let id = 1; id <= 20; id++) expect(await raw.next()).toEqual({ id, type: 'pong' })
    expect(await raw.next()).toEqual(tooMany(21))
    gateway.clock.move(1000)
    raw.send({ id: 21, type: 'ping' })
    expect(await raw.next()).toEqual({ id: 21, type: 'pong' })
  })

  test('each element of an array counts (A19)', async () => {
    const gateway = await start()
    const raw = await open(gateway)
    raw.send(Array.from({ length: 22 }, (_, i) => ({ id: i + 1, type: 'ping' })))
    for (let id = 1; id <= 20; id++) expect(await raw.next()).toEqual({ id, type: 'pong' })
    expect(await raw.next()).toEqual(tooMany(21))
    expect(await raw.next()).toEqual(tooMany(22))
  })

  test('a socket that stays over it for five seconds is closed with 4302 (A19)', async () => {
    const gateway = await start()
    const raw = await open(gateway)
    let id = 0
    for (let half = 0; half <= 10; half++) {
      raw.send(Array.from({ length: 40 }, () => ({ id: ++id, type: 'ping' })))
      if (half === 10) break
      for (let i = 0; i < 40; i++) await raw.next()
      gateway.clock.move(500)
    }
    expect(await raw.closed).toEqual({ code: 4302, reason: '' })
    expect(await metric(gateway, 'latchkey_socket_closes_total{code="4302"}')).toBe(1)
  })

  test('a burst now and then is forgiven', async () => {
    const gateway = await start()
    const raw = await open(gateway)
    let id = 0
    for (let burst = 0; burst < 4; burst++) {
      for (let i = 0; i < 21; i++) raw.send({ id: ++id, type: 'ping' })
      for (let i = 0; i < 20; i++) expect(await raw.next()).toMatchObject({ type: 'pong' })
      expect(await raw.next()).toEqual(tooMany(id))
      gateway.clock.move(3000)
    }
  })

  test('more than ten pings of the transport in a second close with 4302 (A20)', async () => {
    const gateway = await rig({ 'server.transport': transport })
    const raw = await open(gateway)
    for (let i = 0; i < 10; i++) raw.socket.ping()
    raw.send({ id: 1, type: 'ping' })
    expect(await raw.next()).toEqual({ id: 1, type: 'pong' })
    raw.socket.ping()
    raw.socket.ping()
    expect(await raw.closed).toEqual({ code: 4302, reason: '' })
  })
})

describeTransports('the heartbeat', (_, transport) => {
  const start = async () => {
    const gateway = await rig({ 'server.transport': transport })
    const first = await authenticated(gateway.url, (await session(gateway.url)).access_token)
    return { gateway, first }
  }
  const pinged = (raw: RawSocket): Promise<unknown> => new Promise((resolve) => raw.socket.once('ping', resolve))

  test('a silent peer is pinged, and stays if it answers', async () => {
    const { gateway, first } = await start()
    for (let i = 0; i < 3; i++) {
      const ping = pinged(first)
      gateway.clock.move(2 * ROUND_MS)
      gateway.clock.move(ROUND_MS)
      await ping
      first.send({ id: i + 1, type: 'ping' })
      expect(await first.next()).toEqual({ id: i + 1, type: 'pong' })
    }
  })

  test('a peer that answers no ping is let go 82.5 s after its last word, another is not (A20)', async () => {
    const { gateway, first } = await start()
    const mute = rawSocket(gateway.url)
    mute.socket.removeAllListeners('ping')
    Object.assign(mute.socket, { _autoPong: false })
    await mute.next()
    const { access_token } = await anotherSession(gateway.url)
    mute.send({ type: 'auth', access_token })
    expect(await mute.next()).toMatchObject({ type: 'auth_ok' })
    const pings = Promise.all([pinged(first), pinged(mute)])
    gateway.clock.move(ROUND_MS)
    gateway.clock.move(ROUND_MS)
    await pings
    // The answer of the first has been read when a later message of it is answered.
    first.send({ id: 1, type: 'ping' })
    expect(await first.next()).toEqual({ id: 1, type: 'pong' })
    gateway.clock.move(ROUND_MS)
    expect(await mute.closed).toEqual({ code: 4001, reason: '' })
    first.send({ id: 2, type: 'ping' })
    expect(await first.next()).toEqual({ id: 2, type: 'pong' })
  })
})
