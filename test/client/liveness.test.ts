/** How a connection finds out that nobody is there any more, or that who is there speaks something else. */
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Auth, openSocket } from '../../src/client/index.ts'
import { closeConnections, closeScripted, Manager, refusal, scriptedServer, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
})

test('a socket that no longer answers is left after forty seconds', async () => {
  const pings: number[] = []
  let pinged: () => void = () => undefined
  const server = await scriptedServer({
    onMessage: (_socket, { type }, nth) => {
      if (type === 'ping') pings.push(nth)
      pinged()
    },
  })
  const { connection, until, clock } = watch(new Manager(fetch, server.url))
  await until('open')
  const asked = new Promise<void>((resolve) => {
    pinged = resolve
  })
  clock.move(30_000)
  await asked
  const underWay = refusal(connection.command('auth/current_user', {}))
  clock.move(10_000)
  expect(await until('waiting')).toMatchObject({ error: { name: 'SocketClosed', code: 1006 } })
  expect(await underWay).toMatchObject({ name: 'SocketClosed', code: 1006 })
  expect(pings).toEqual([0])
})

test('a socket that answers is asked every thirty seconds and kept', async () => {
  let pinged: () => void = () => undefined
  const server = await scriptedServer({
    onMessage: (socket, { id }) => {
      socket.send(JSON.stringify({ id, type: 'pong' }))
      pinged()
    },
  })
  const { connection, until, clock } = watch(new Manager(fetch, server.url))
  await until('open')
  for (let i = 0; i < 3; i++) {
    const asked = new Promise<void>((resolve) => {
      pinged = resolve
    })
    clock.move(30_000)
    await asked
    // Its own answer comes after the one to the ping.
    await connection.command('ping', {})
  }
  expect(server.opened()).toBe(1)
  expect(connection.state).toEqual({ state: 'open', again: false })
})

test('a server that says nothing at all is left after fifteen seconds', async () => {
  const server = await scriptedServer({ mute: true })
  let opened: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    opened = resolve
  })
  class Watched extends WebSocket {
    constructor(url: string) {
      super(url)
      this.on('open', () => opened())
    }
  }
  const { until, clock } = watch(new Manager(fetch, server.url), { WebSocket: Watched })
  await reached
  clock.move(15_000)
  expect(await until('waiting')).toMatchObject({ error: { code: 1006 } })
})

test.each(['hello', '"auth_ok"', 'null', '{'])(
  'a server that says %s is none of this protocol: it stops',
  async (text) => {
    const server = await scriptedServer({ first: text })
    const { connection } = watch(new Auth(fetch, server.url, 'token'), { patient: false })
    expect(await connection.closed).toMatchObject({ next: 'stop', cause: { name: 'SocketClosed', code: 1007 } })
    const refused = openSocket({ url: server.url, accessToken: 'token', WebSocket })
    expect(await refusal(refused)).toMatchObject({ name: 'SocketClosed', code: 1007, reason: 'not understood' })
    expect(server.shown).toEqual([])
  },
)
