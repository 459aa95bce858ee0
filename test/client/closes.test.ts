/** What a connection does after each close code, how long it waits, and what becomes of what was under way. */
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { AbstractAuth, Auth, TokenUnavailable } from '../../src/client/index.ts'
import { closeConnections, closeScripted, Manager, refusal, scriptedServer, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
})

/** A server that closes its first socket so, and keeps the others. */
const closing = (code: number, reason = '') =>
  scriptedServer({
    onOpen: (socket, nth) => {
      if (nth === 0) socket.close(code, reason)
    },
  })

test.each([
  [1000, ''],
  [1001, ''],
  [1011, ''],
  [1013, ''],
  [4000, '{"after_ms":2500}'],
  [4001, ''],
  [4002, '{"after_ms":1200}'],
  [4101, ''],
  [4099, 'a code of a later server'],
])('after %i %s it reconnects with the same token, not before the time that was asked for', async (code, reason) => {
  const server = await closing(code, reason)
  const auth = new Manager(fetch, server.url)
  const { until, clock } = watch(auth)
  const { ms, error } = await until('waiting')
  expect(error).toMatchObject({ name: 'SocketClosed', code, reason })
  expect(ms).toBe(reason.startsWith('{') ? (JSON.parse(reason) as { after_ms: number }).after_ms : 0)
  clock.move(ms)
  expect(await until('open')).toEqual({ state: 'open', again: true })
  expect(server.shown).toEqual(['token 0', 'token 0'])
})

test.each([4202, 4100, 4199])('after %i it comes back with another token', async (code) => {
  const server = await closing(code)
  const auth = new Manager(fetch, server.url)
  const { until } = watch(auth, { patient: false })
  await until('waiting')
  await until('open')
  expect(auth.refused).toEqual(['token 0'])
  expect(server.shown).toEqual(['token 0', 'token 1'])
})

test.each([4200, 4201])('after %i it ends: log in', async (code) => {
  const server = await closing(code)
  const { connection } = watch(new Manager(fetch, server.url), { patient: false })
  expect(await connection.closed).toMatchObject({ next: 'login', cause: { code } })
  expect(server.opened()).toBe(1)
})

test.each([1002, 1003, 1007, 1008, 1009, 4300, 4301, 4302, 4399])('after %i it stops', async (code) => {
  const server = await closing(code, code === 4301 ? '{"after_ms":1}' : '')
  const { connection } = watch(new Manager(fetch, server.url), { patient: false })
  expect(await connection.closed).toMatchObject({ next: 'stop', cause: { code } })
  expect(server.opened()).toBe(1)
})

test('a token that was refused is replaced once; where the next is refused too it ends: log in', async () => {
  const server = await scriptedServer({ accepts: () => false })
  const auth = new Manager(fetch, server.url)
  const { connection, states } = watch(auth, { patient: false })
  expect(await connection.closed).toMatchObject({
    next: 'login',
    cause: { name: 'CommandFailed', code: 'auth_invalid' },
  })
  expect(server.shown).toEqual(['token 0', 'token 1'])
  expect(states.map(({ state }) => state)).toEqual(['connecting', 'connecting', 'closed'])
})

test('each wait is random below a bound that doubles from one second to thirty', async () => {
  const server = await scriptedServer({})
  await closeScripted()
  const { until, clock } = watch(new Manager(fetch, server.url), { random: () => 0.999 })
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    const { ms, error } = await until('waiting')
    expect(error).toMatchObject({ name: 'SocketClosed', code: 1006 })
    waits.push(ms / 0.999)
    clock.move(ms)
  }
  expect(waits.map(Math.round)).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000])
})

test('a socket that lived ten seconds makes the waits short again, one that fell at once does not', async () => {
  const sockets: WebSocket[] = []
  const server = await scriptedServer({ onOpen: (socket) => sockets.push(socket) })
  const { until, clock } = watch(new Manager(fetch, server.url), { random: () => 1 })
  const fall = async (lived: number): Promise<number> => {
    await until('open')
    clock.move(lived)
    sockets.at(-1)!.close(4001)
    const { ms } = await until('waiting')
    clock.move(ms)
    return ms
  }
  expect([await fall(0), await fall(9000), await fall(10_000), await fall(0)]).toEqual([1000, 2000, 1000, 2000])
})

test('a server that asks for days is waited for an hour', async () => {
  const server = await closing(4002, '{"after_ms":1e12}')
  const { until } = watch(new Manager(fetch, server.url))
  expect((await until('waiting')).ms).toBe(3_600_000)
})

test.each(['{"after_ms":-1}', '{"after_ms":"1"}', 'null', '{'])('the reason %s asks for nothing', async (reason) => {
  const server = await closing(4002, reason)
  const { until } = watch(new Manager(fetch, server.url))
  expect((await until('waiting')).ms).toBe(0)
})

test('a command that is under way when the socket ends is rejected with its close, and not sent again', async () => {
  const commands: string[] = []
  const server = await scriptedServer({
    onMessage: (socket, { type }) => {
      commands.push(type)
      socket.close(4001, 'slow')
    },
  })
  const { connection, until } = watch(new Manager(fetch, server.url), { patient: false })
  const error = await refusal(connection.command('auth/current_user', {}))
  expect(error).toMatchObject({ name: 'SocketClosed', code: 4001, reason: 'slow' })
  await until('waiting')
  await until('open')
  expect(commands).toEqual(['auth/current_user'])
})

test('a command that waits is not spent on a socket that falls in the turn in which it opened', async () => {
  const server = await scriptedServer({
    onMessage: (socket, { id }) => socket.send(JSON.stringify({ id, type: 'pong' })),
  })
  let sockets = 0
  class Falling extends WebSocket {
    readonly #nth = sockets++

    override send(text: string): void {
      if (this.#nth > 0) super.send(text)
      else {
        this.onmessage!({ data: '{"type":"auth_ok"}' } as never)
        this.onclose!({ code: 4001, reason: '' } as never)
      }
    }
  }
  const { connection, states } = watch(new Manager(fetch, server.url), { WebSocket: Falling, patient: false })
  expect(await connection.command('ping', {})).toBeNull()
  expect(states.map(({ state }) => state)).toEqual(['connecting', 'waiting', 'connecting', 'open'])
})

test('a command that is given when its socket has just ended waits for the next', async () => {
  const server = await scriptedServer({
    onMessage: (socket, { id }) => socket.send(JSON.stringify({ id, type: 'pong' })),
  })
  const sockets: WebSocket[] = []
  class Kept extends WebSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const { connection, until } = watch(new Manager(fetch, server.url), { WebSocket: Kept, patient: false })
  await until('open')
  sockets[0]!.onclose!({ code: 4001, reason: '' } as never)
  expect(await connection.command('ping', {})).toBeNull()
  expect(sockets).toHaveLength(2)
})

test('a subscription that was not agreed to when the socket ended is begun on the next one', async () => {
  const server = await scriptedServer({
    onMessage: (socket, { id }, nth) => {
      if (nth === 0) socket.close(4001)
      else {
        socket.send(JSON.stringify({ id, type: 'result', success: true, result: null }))
        socket.send(JSON.stringify({ id, type: 'event', event: { event_type: 'x', data: {}, time_fired: '' } }))
      }
    },
  })
  const { connection } = watch(new Manager(fetch, server.url), { patient: false })
  const event = await new Promise((resolve, reject) => {
    connection.subscribe('subscribe_events', { event_type: 'x' }, resolve).catch(reject)
  })
  expect(event).toMatchObject({ event_type: 'x' })
})

test('a subscription that the server cannot take now is asked for again after the time that it said', async () => {
  let refusals = 0
  const server = await scriptedServer({
    onMessage: (socket, { id }) => {
      if (refusals > 0) {
        socket.send(JSON.stringify({ id, type: 'result', success: true, result: null }))
        return
      }
      refusals++
      const error = { code: 'temporarily_unavailable', message: 'Temporarily unavailable.', retry_after_ms: 700 }
      socket.send(JSON.stringify({ id, type: 'result', success: false, error }))
    },
  })
  let due: (ms: number) => void = () => undefined
  const asked = new Promise<number>((resolve) => {
    due = resolve
  })
  const { connection, clock } = watch(new Manager(fetch, server.url))
  const { after } = clock
  clock.after = (ms, call) => {
    if (ms === 700) due(ms)
    return after.call(clock, ms, call)
  }
  const agreed = connection.subscribe('subscribe_events', { event_type: 'x' }, () => undefined)
  clock.move(await asked)
  await agreed
  expect(refusals).toBe(1)
})

test('while there is no token for the moment it waits as long as the server asked, then comes in', async () => {
  const server = await scriptedServer({})
  let failures = 1
  class Away extends AbstractAuth {
    override async getAccessToken(): Promise<string> {
      if (failures-- > 0) throw new TokenUnavailable('busy', 503, 7000)
      return 'token'
    }
  }
  const { until, clock } = watch(new Away(fetch, server.url))
  const { ms, error } = await until('waiting')
  expect(error).toMatchObject({ name: 'TokenUnavailable', status: 503 })
  expect(ms).toBe(7000)
  clock.move(ms)
  await until('open')
})

test('a fault of the application’s own token manager is told, and tried again', async () => {
  const server = await scriptedServer({})
  let failures = 1
  class Faulty extends AbstractAuth {
    override async getAccessToken(): Promise<string> {
      if (failures-- > 0) throw new RangeError('no')
      return 'token'
    }
  }
  const { until, clock } = watch(new Faulty(fetch, server.url))
  const { ms, error } = await until('waiting')
  expect(error).toBeInstanceOf(RangeError)
  clock.move(ms)
  await until('open')
})

test('where the platform cannot make a socket it stops, and says why', async () => {
  const { connection } = watch(new Auth(fetch, 'no address', 'token'))
  expect(await connection.closed).toMatchObject({ next: 'stop', cause: { name: 'SyntaxError' } })
})

test('closing it while it waits or connects leaves no socket behind', async () => {
  const server = await closing(4001)
  const { connection, until } = watch(new Manager(fetch, server.url))
  await until('waiting')
  connection.close()
  expect(await connection.closed).toMatchObject({ next: null })
  expect(server.opened()).toBe(1)
  const early = watch(new Manager(fetch, server.url))
  early.connection.close()
  expect(await early.connection.closed).toMatchObject({ next: null })
  expect(early.states.map(({ state }) => state)).toEqual(['connecting', 'closed'])
})
