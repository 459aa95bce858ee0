/** What a connection asks servers to tell it, and what it makes of what they tell. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Auth, TokenRefused } from '../../src/client/index.ts'
import {
  closeConnections,
  closeScripted,
  Manager,
  renewals,
  type Script,
  scriptedServer,
  timerOf,
  turn,
  watch,
} from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
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
