/** Sockets that live no longer than their access token are renewed in place, by whatever has another token. */
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { AbstractAuth } from '../../src/client/index.ts'
import { anotherSession, closeRigs, MovableClock, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import {
  closeConnections,
  counting,
  queueLocks,
  REFRESH,
  renewals,
  rotatingSession,
  STEADY,
  sessionOf,
  type Watched,
  watch,
} from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeRigs()
  vi.unstubAllGlobals()
})

const MINUTE = 60_000
/** An access token lives for half an hour, and its end is told a minute before. */
const TO_NOTICE_MS = 29 * MINUTE + 1000
const SHORT = { 'sessions.socket_lifetime': 'access_token' } as const

/** A WebSocket that notes the types of what it sends. */
const noting = () => {
  const sent: string[] = []
  class Noting extends WebSocket {
    override send(text: string): void {
      sent.push((JSON.parse(text) as { type: string }).type)
      super.send(text)
    }
  }
  return { WebSocket: Noting, renewing: () => sent.filter((type) => ['auth/token', 'auth/renew'].includes(type)) }
}

describeTransports('a socket that lives as long as its access token', (start) => {
  const begin = async () => {
    const gateway = await start(SHORT)
    const { fetch, asked } = counting()
    return { gateway, asked, ...(await rotatingSession(gateway, { fetch })) }
  }

  const plain = async () => {
    const gateway = await start(SHORT)
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, await session(gateway.url), { fetch })
    return { gateway, asked, auth }
  }

  /** Once its last command is answered the socket hears of its end. */
  const settled = async ({ connection, until }: Watched): Promise<void> => {
    await until('open')
    await connection.command('ping', {})
  }

  test.each([true, false])(
    'is renewed over itself, twenty times in a row, with commands in flight; rotating: %s',
    async (isRotating) => {
      const { gateway, auth, asked } = await (isRotating ? begin : plain)()
      const next = renewals(auth)
      const { WebSocket, renewing } = noting()
      const watched = watch(auth, { WebSocket })
      const { connection, states } = watched
      await settled(watched)
      const heard: unknown[] = []
      await connection.subscribe('subscribe_events', { event_type: 'user_added' }, ({ data }) => heard.push(data))
      const first = auth.token.refresh_token
      for (let i = 0; i < 20; i++) {
        const renewed = next()
        const before = auth.token.access_token
        gateway.clock.move(TO_NOTICE_MS)
        const inFlight = Array.from({ length: 10 }, () => connection.command('auth/current_user', {}))
        await renewed
        expect(await Promise.all(inFlight)).toHaveLength(10)
        expect(auth.token.access_token).not.toBe(before)
      }
      await connection.command('config/auth/create', { name: 'Bob' })
      await connection.command('ping', {})
      expect(heard).toHaveLength(1)
      expect(states).toEqual(STEADY)
      expect(asked).toEqual([])
      expect(renewing()).toEqual(Array(20).fill('auth/token'))
      if (isRotating) expect(auth.token).toMatchObject({ generation: 20 })
      else expect(auth.token.refresh_token).toBe(first)
    },
  )

  test.each([-400, 400])('is renewed where its own side’s clock is %i days off', async (days) => {
    const { gateway } = await plain()
    const clock = new MovableClock()
    clock.jump(days * 24 * 60 * MINUTE)
    const auth = sessionOf(gateway, await anotherSession(gateway.url), { clock })
    const next = renewals(auth)
    const watched = watch(auth)
    await settled(watched)
    for (let i = 0; i < 3; i++) {
      const renewed = next()
      gateway.clock.move(TO_NOTICE_MS)
      expect(await renewed).toBe(auth.token.access_token)
    }
    await watched.connection.command('ping', {})
    expect(watched.states).toEqual(STEADY)
  })

  test.each([true, false])('of several tabs one refreshes, and all go on with that; Web Locks: %s', async (locks) => {
    vi.stubGlobal('navigator', locks ? queueLocks().navigator : {})
    const { gateway, asked, shelf, tab } = await begin()
    const auths = [tab(), tab(), tab()]
    const tabs = auths.map((auth) => ({ next: renewals(auth), ...watch(auth) }))
    for (const each of tabs) await settled(each)
    for (let round = 1; round <= 3; round++) {
      const renewed = tabs.map(({ next }) => next())
      gateway.clock.move(TO_NOTICE_MS)
      await Promise.all(renewed)
      expect(shelf.token).toMatchObject({ generation: round })
    }
    for (const { connection, states } of tabs) {
      await connection.command('ping', {})
      expect(states).toEqual(STEADY)
    }
    expect(asked.filter((path) => path === REFRESH)).toEqual([])
  })

  test('goes on with what a request has fetched meanwhile, and asks for nothing more', async () => {
    const { gateway, auth, asked } = await begin()
    const next = renewals(auth)
    const { WebSocket, renewing } = noting()
    const watched = watch(auth, { WebSocket })
    await settled(watched)
    gateway.clock.move(5 * MINUTE)
    const other = await auth.replaceAccessToken(auth.token.access_token)
    const renewed = next()
    gateway.clock.move(TO_NOTICE_MS - 5 * MINUTE)
    expect(await renewed).toBe(other)
    gateway.clock.move(MINUTE)
    await watched.connection.command('ping', {})
    expect(watched.states).toEqual(STEADY)
    expect(auth.token).toMatchObject({ generation: 1 })
    expect(asked).toEqual([REFRESH])
    expect(renewing()).toEqual(['auth/renew'])
  })

  test('is renewed with what an application’s own token manager has', async () => {
    const { gateway, auth } = await plain()
    class Own extends AbstractAuth {
      override getAccessToken(): Promise<string> {
        return auth.getAccessToken()
      }
    }
    const own = new Own(fetch, gateway.url)
    const next = renewals(own)
    const watched = watch(own)
    await settled(watched)
    for (let i = 0; i < 3; i++) {
      // It has another a minute before the end of the socket's is told.
      gateway.clock.move(i === 0 ? 28 * MINUTE : 28 * MINUTE - 61_000)
      const given = await auth.replaceAccessToken(auth.token.access_token)
      const renewed = next()
      gateway.clock.move(61_000)
      expect(await renewed).toBe(given)
    }
    await watched.connection.command('ping', {})
    expect(watched.states).toEqual(STEADY)
  })

  test('that cannot be renewed is left until the server closes it, and comes back with another token', async () => {
    const { gateway, shelf, tab } = await begin()
    let isAway = true
    const auth = tab({
      tokenLoader: () => {
        if (isAway) throw new Error('the store is away')
        return shelf.token
      },
    })
    const next = renewals(auth)
    const watched = watch(auth)
    await settled(watched)
    const failed = next()
    gateway.clock.move(TO_NOTICE_MS)
    expect(await failed).toMatchObject({ message: 'the store is away' })
    await watched.connection.command('ping', {})
    expect(watched.states).toEqual(STEADY)
    gateway.clock.move(MINUTE)
    expect(await watched.until('waiting')).toMatchObject({ error: { code: 4100 } })
    isAway = false
    watched.clock.move(1000)
    expect(await watched.until('open')).toEqual({ state: 'open', again: true })
    expect(shelf.token).toMatchObject({ generation: 1 })
  })

  test('that ends after it was renewed gives up its last token, and not its first', async () => {
    const { gateway, auth } = await plain()
    const next = renewals(auth)
    const watched = watch(auth)
    await settled(watched)
    const renewed = next()
    gateway.clock.move(TO_NOTICE_MS)
    const last = await renewed
    const refused: string[] = []
    const { replaceAccessToken } = auth
    auth.replaceAccessToken = (token) => {
      refused.push(token)
      return replaceAccessToken.call(auth, token)
    }
    // The notice and the end are past at once.
    gateway.clock.move(31 * MINUTE)
    expect(await watched.until('waiting')).toMatchObject({ error: { code: 4100 } })
    watched.clock.move(1000)
    await watched.until('open')
    expect(refused[0]).toBe(last)
  })
})
