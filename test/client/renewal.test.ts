/** Sockets that live no longer than their access token are renewed in place, by whatever has another token. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { AbstractAuth, Auth, type OAuth2Session, TokenRefused, TokenUnavailable } from '../../src/client/index.ts'
import { anotherSession, closeRigs, MovableClock, type Rig, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import {
  closeConnections,
  closeScripted,
  counting,
  Manager,
  newShelf,
  queueLocks,
  REFRESH,
  rotatingSession,
  type Script,
  scriptedServer,
  sessionOf,
  type Watched,
  watch,
} from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
  await closeRigs()
  // Connections take their listeners back when they end.
  vi.unstubAllGlobals()
})

const MINUTE = 60_000
/** An access token lives for half an hour, and its end is told a minute before. */
const TO_NOTICE_MS = 29 * MINUTE + 1000
const SHORT = { 'sessions.socket_lifetime': 'access_token' } as const

/** Tells when a socket was renewed, or could not be. */
const renewals = (auth: AbstractAuth): (() => Promise<string | null | Error>) => {
  let tell: (outcome: string | null | Error) => void = () => undefined
  const { renewSocket } = auth
  auth.renewSocket = async (...args) => {
    const outcome = renewSocket.apply(auth, args)
    await outcome.then(tell, tell)
    return outcome
  }
  return () =>
    new Promise((resolve) => {
      tell = resolve
    })
}

/** Resolves when a timer of so many milliseconds was started. */
const timerOf = (clock: MovableClock, wanted: number): Promise<void> =>
  new Promise((resolve) => {
    const { after } = clock
    clock.after = (ms, call) => {
      if (ms === wanted) setImmediate(resolve)
      return after.call(clock, ms, call)
    }
  })

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

/** What was begun by then has gone as far as it can without the network. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Only what was open in one piece all the time has these states. */
const STEADY = [{ state: 'connecting' }, { state: 'open', again: false }]

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

  test('that ends after it was renewed does not take its first token for its last', async () => {
    const { gateway } = await plain()
    const { fetch, asked } = counting()
    // By its own clock its token is good.
    const auth = sessionOf(gateway, await anotherSession(gateway.url), { fetch, clock: new MovableClock() })
    const next = renewals(auth)
    const watched = watch(auth)
    await settled(watched)
    const renewed = next()
    gateway.clock.move(TO_NOTICE_MS)
    await renewed
    // The notice and the end are past at once.
    gateway.clock.move(31 * MINUTE)
    expect(await watched.until('waiting')).toMatchObject({ error: { code: 4100 } })
    watched.clock.move(1000)
    await watched.until('open')
    expect(watched.states.map(({ state }) => state)).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open'])
    expect(asked).toEqual([REFRESH])
  })
})

describeTransports('a refresh token that somebody else has used', (start) => {
  const begin = async () => {
    const gateway = await start()
    const { shelf, tab } = await rotatingSession(gateway)
    const auth = tab()
    const { checkGeneration } = auth
    let looked: () => void = () => undefined
    auth.checkGeneration = async (generation) => {
      await checkGeneration.call(auth, generation)
      looked()
    }
    const look = () =>
      new Promise<void>((resolve) => {
        looked = resolve
      })
    const watched = watch(auth)
    await watched.until('open')
    await watched.connection.command('ping', {})
    const thief = newShelf()
    thief.token = shelf.token
    return { gateway, shelf, tab, watched, look, robber: tab(thief.options) }
  }

  /** The other's step is told of before the answer to this. */
  const heard = ({ connection }: Watched) => connection.command('ping', {})
  const steal = async (gateway: Rig, robber: OAuth2Session) => {
    gateway.clock.move(MINUTE)
    return robber.replaceAccessToken(robber.token.access_token)
  }

  test('under the owner’s live socket is found out within seconds: the connection ends, log in (B27)', async () => {
    const { gateway, watched, robber } = await begin()
    const stolen = await steal(gateway, robber)
    await heard(watched)
    gateway.clock.move(12_000)
    watched.clock.move(12_000)
    expect(await watched.connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
    const bearer = { headers: { authorization: `Bearer ${stolen}` } }
    expect((await fetch(`${gateway.url}/api/`, bearer)).status).toBe(401)
    expect(watched.states.map(({ state }) => state)).toEqual(['connecting', 'open', 'closed'])
    // By the clocks that were moved, and not by the test's own.
  }, 10_000)

  test('while the owner was away is found out once there is a socket again (B27)', async () => {
    const { gateway, tab, watched, robber } = await begin()
    watched.connection.close()
    await steal(gateway, robber)
    const { connection, clock } = watch(tab())
    await timerOf(clock, 12_000)
    gateway.clock.move(12_000)
    clock.move(12_000)
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
  }, 10_000)

  test('is found out over a network that loses the first answers', async () => {
    const { gateway, shelf, tab, robber } = await begin()
    let losses = 2
    const auth = tab({
      fetch: async (...args) => {
        if (losses-- > 0) throw new TypeError('lost')
        return fetch(...args)
      },
    })
    const watched = watch(auth)
    await watched.until('open')
    await heard(watched)
    await steal(gateway, robber)
    await heard(watched)
    gateway.clock.move(12_000)
    watched.clock.move(12_000)
    expect(await watched.connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
    expect(losses).toBe(-1)
    expect(shelf.token).toHaveProperty('attempt')
  }, 10_000)

  test('is nobody’s fault where the store has it by then, or a refresh is under way', async () => {
    const { gateway, watched, look, tab, shelf } = await begin()
    const later = async (): Promise<void> => {
      await heard(watched)
      const done = look()
      gateway.clock.move(12_000)
      watched.clock.move(12_000)
      await done
    }
    await tab().replaceAccessToken(shelf.token!.access_token)
    await later()
    expect(shelf.token).toMatchObject({ generation: 1 })
    expect(shelf.token).not.toHaveProperty('attempt')
    const attempt = 'a'.repeat(43)
    shelf.token = { ...shelf.token!, attempt }
    // An honest step, whose answer is lost.
    const lossy = tab({ fetch: (...args) => fetch(...args).then(() => Promise.reject(new TypeError('lost'))) })
    await expect(lossy.replaceAccessToken(shelf.token.access_token)).rejects.toThrow(TokenUnavailable)
    await later()
    expect(shelf.token).toMatchObject({ generation: 1, attempt })
    expect(watched.states).toEqual(STEADY)
  })
})

describe('what is asked of a server', () => {
  const ok = (socket: { send(text: string): void }, id: number, result: unknown): void =>
    socket.send(JSON.stringify({ id, type: 'result', success: true, result }))

  /** A server that tells of ends; what it was asked besides. */
  const telling = async (answer: NonNullable<Script['onMessage']>) => {
    const asked: { type: string }[] = []
    let tell: (event: object) => void = () => undefined
    let subscribed: () => void = () => undefined
    const ready = new Promise<void>((resolve) => {
      subscribed = resolve
    })
    const server = await scriptedServer({
      tellsSessions: true,
      onMessage: (socket, message, nth) => {
        if (message.type !== 'auth/subscribe') {
          asked.push(message)
          answer(socket, message, nth)
          return
        }
        tell = (event) => socket.send(JSON.stringify({ id: message.id, type: 'event', event }))
        ok(socket, message.id, { generation: null })
        subscribed()
      },
    })
    return { ...server, asked, ready, tell: (event: object) => tell(event) }
  }

  test('that keeps sockets for as long as their session: nothing', async () => {
    const server = await telling(({ send }) => send)
    const auth = new Manager(fetch, server.url)
    const { until, clock } = watch(auth)
    await until('open')
    await server.ready
    clock.move(29_000)
    expect(server.asked).toEqual([])
    expect(auth.refused).toEqual([])
  })

  test('that knows no such events, as Home Assistant: once in a connection’s life, and not on each socket', async () => {
    const asked: string[] = []
    const sockets: { close(code: number): void }[] = []
    const server = await scriptedServer({
      tellsSessions: true,
      onOpen: (socket) => sockets.push(socket),
      onMessage: (socket, { id, type }) => {
        asked.push(type)
        if (type === 'ping') socket.send(JSON.stringify({ id, type: 'pong' }))
        else {
          const error = { code: 'unknown_command', message: 'Unknown command.' }
          socket.send(JSON.stringify({ id, type: 'result', success: false, error }))
        }
      },
    })
    const { connection, until } = watch(new Manager(fetch, server.url), { patient: false })
    await connection.command('ping', {})
    await until('open')
    await connection.command('ping', {})
    sockets[0]!.close(4001)
    await until('open')
    await connection.command('ping', {})
    expect(asked.filter((type) => type === 'auth/subscribe')).toHaveLength(1)
  })

  test('that cannot tell just now: again after the time that it said', async () => {
    let refusals = 0
    const server = await scriptedServer({
      tellsSessions: true,
      onMessage: (socket, { id, type }) => {
        if (type !== 'auth/subscribe') return
        const error = { code: 'rate_limited', message: 'Too many messages.', retry_after_ms: 700 }
        if (refusals++ === 0) socket.send(JSON.stringify({ id, type: 'result', success: false, error }))
        else socket.send(JSON.stringify({ id, type: 'event', event: { type: 'expiring', in: 60 } }))
      },
    })
    const auth = new Manager(fetch, server.url)
    const { until, clock } = watch(auth)
    const due = timerOf(clock, 700)
    await until('open')
    await due
    clock.move(700)
    await vi.waitFor(() => expect(auth.refused).toEqual(['token 0']))
  })

  test('where there is no other token yet: again after half of the time that is left, and not in its last second', async () => {
    const server = await telling(() => undefined)
    const tries: string[] = []
    class Late extends Auth {
      override async replaceAccessToken(refused: string): Promise<string | null> {
        tries.push(refused)
        return null
      }
    }
    const waits: number[] = []
    const { until, clock } = watch(new Late(fetch, server.url, 'token'))
    const { after } = clock
    await until('open')
    await server.ready
    let due: () => void = () => undefined
    clock.after = (ms, call) => {
      waits.push(ms)
      setImmediate(() => due())
      return after.call(clock, ms, call)
    }
    const wait = (): Promise<void> =>
      new Promise((resolve) => {
        due = resolve
      })
    const first = wait()
    server.tell({ type: 'expiring', in: 10 })
    await first
    for (const ms of [5000, 2500]) {
      const again = wait()
      clock.move(ms)
      await again
    }
    clock.move(1250)
    await vi.waitFor(() => expect(tries).toHaveLength(4))
    expect(waits).toEqual([5000, 2500, 1250])
    expect(server.asked).toEqual([])
  })

  test('whose word comes while the token before is still being kept: once more, for the next', async () => {
    const server = await telling((socket, { id }) => socket.send(JSON.stringify({ id, type: 'pong' })))
    const asked: string[] = []
    let keep: () => void = () => undefined
    class Slow extends Auth {
      override async renewSocket(_socket: unknown, current: string): Promise<string> {
        asked.push(current)
        if (asked.length > 1) return 'third'
        await new Promise<void>((resolve) => {
          keep = resolve
        })
        return 'second'
      }
    }
    const { until, connection } = watch(new Slow(fetch, server.url, 'first'))
    await until('open')
    await server.ready
    server.tell({ type: 'expiring', in: 60 })
    await vi.waitFor(() => expect(asked).toEqual(['first']))
    server.tell({ type: 'expiring', in: 60 })
    await connection.command('ping', {})
    keep()
    await vi.waitFor(() => expect(asked).toEqual(['first', 'second']))
  })

  test('where the session is over: no more, and the server is who closes', async () => {
    const server = await telling((socket, { id }) => socket.send(JSON.stringify({ id, type: 'pong' })))
    let tries = 0
    class Over extends Auth {
      override replaceAccessToken(): Promise<string | null> {
        tries++
        return Promise.reject(new TokenRefused('invalid_grant'))
      }
    }
    const auth = new Over(fetch, server.url, 'token')
    const next = renewals(auth)
    const { until, connection, clock } = watch(auth)
    await until('open')
    await server.ready
    const failed = next()
    server.tell({ type: 'expiring', in: 60 })
    expect(await failed).toBeInstanceOf(TokenRefused)
    await turn()
    clock.move(29_000)
    await turn()
    clock.move(10_000)
    await turn()
    expect(tries).toBe(1)
    expect(connection.state).toEqual({ state: 'open', again: false })
  })
})

/** As a page's window and document, where they are used; `listening` are the events that somebody waits for. */
const stubPage = () => {
  const listening: string[] = []
  class Target extends EventTarget {
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listening.push(args[0])
      super.addEventListener(...args)
    }

    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listening.splice(listening.indexOf(args[0]), 1)
      super.removeEventListener(...args)
    }
  }
  const window = new Target()
  const document = Object.assign(new Target(), { visibilityState: 'visible' })
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  return { window, document, listening }
}

describe('a page that comes back', () => {
  const pinged = async () => {
    const pings: number[] = []
    let tell: () => void = () => undefined
    const server = await scriptedServer({
      onMessage: (_socket, { type }, nth) => {
        if (type === 'ping') pings.push(nth)
        tell()
      },
    })
    const next = () =>
      new Promise<void>((resolve) => {
        tell = resolve
      })
    return { ...server, pings, next }
  }

  test.each(['online', 'pageshow', 'visibilitychange'])('probes its socket at once: %s', async (type) => {
    const { window, document } = stubPage()
    const server = await pinged()
    const { connection, until, clock } = watch(new Manager(fetch, server.url))
    await until('open')
    const asked = server.next()
    ;(type === 'visibilitychange' ? document : window).dispatchEvent(new Event(type))
    await asked
    // While an answer is due it is not asked again.
    window.dispatchEvent(new Event('online'))
    const more = server.next()
    connection.command('auth/current_user', {}).catch(() => undefined)
    await more
    expect(server.pings).toEqual([0])
    clock.move(10_000)
    expect(await until('waiting')).toMatchObject({ error: { code: 1006 } })
  })

  test('does not when it goes, and hears nothing more once it is closed', async () => {
    const { window, document, listening } = stubPage()
    const server = await pinged()
    const { until, connection } = watch(new Manager(fetch, server.url))
    await until('open')
    document.visibilityState = 'hidden'
    document.dispatchEvent(new Event('visibilitychange'))
    const answer = connection.command('auth/current_user', {}).catch(() => undefined)
    await server.next()
    expect(server.pings).toEqual([])
    expect(listening.sort()).toEqual(['online', 'pageshow', 'visibilitychange'])
    connection.close()
    await answer
    await connection.closed
    await turn()
    expect(listening).toEqual([])
    window.dispatchEvent(new Event('online'))
    document.visibilityState = 'visible'
    document.dispatchEvent(new Event('visibilitychange'))
    expect(server.pings).toEqual([])
  })

  test('waits anew from a second where the wait is its own, and as long as the server asked where it is not', async () => {
    const { window } = stubPage()
    let reason = ''
    const server = await scriptedServer({ onOpen: (socket) => socket.close(4001, reason) })
    const { connection, until, clock } = watch(new Manager(fetch, server.url), { random: () => 1 })
    for (const ms of [1000, 2000, 4000]) {
      expect(await until('waiting')).toMatchObject({ ms })
      clock.move(ms)
    }
    expect(await until('waiting')).toMatchObject({ ms: 8000 })
    window.dispatchEvent(new Event('online'))
    reason = '{"after_ms":5000}'
    clock.move(1000)
    expect(await until('waiting')).toMatchObject({ ms: 6000 })
    window.dispatchEvent(new Event('online'))
    clock.move(5999)
    await turn()
    expect(connection.state).toMatchObject({ state: 'waiting', ms: 6000 })
    clock.move(1)
    await until('waiting')
    expect(server.opened()).toBe(6)
  })
})
