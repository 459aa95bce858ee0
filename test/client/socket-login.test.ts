/** A login over a socket alone: the flow, the tokens, and a session that goes on from there. */
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type AuthenticatedSocket, OAuth2Session, openSocket } from '../../src/client/index.ts'
import { authenticated, CLIENT_ID, closeRigs, MovableClock, onboard, type Rig, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { closeConnections, closeScripted, counting, newShelf, refusal, scriptedServer, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
  await closeRigs()
})

const ask = (url: string): Promise<AuthenticatedSocket> => openSocket({ url, accessToken: null, WebSocket })

/** The code of a login on the socket. */
const codeOf = async (socket: AuthenticatedSocket): Promise<string> => {
  const { flow_id } = await socket.command('auth/login_flow', {
    client_id: CLIENT_ID,
    handler: ['homeassistant', null],
  })
  const { username, password } = USER
  const step = await socket.command('auth/login_flow/step', { flow_id, user_input: { username, password } })
  return step.type === 'create_entry' ? step.result : expect.fail(step.type)
}

describeTransports('a socket without a token', (start) => {
  const begin = async () => {
    const gateway = await start()
    await onboard(gateway.url)
    return { gateway, socket: await ask(gateway.url) }
  }

  const exchange = (gateway: Rig, socket: AuthenticatedSocket, code: string) => {
    const { fetch, asked } = counting()
    const shelf = newShelf()
    const login = { host: gateway.url, clientId: CLIENT_ID, redirectUri: CLIENT_ID, code, verifier: null, socket }
    const options = { ...login, ...shelf.options, fetch, clock: gateway.clock }
    return { asked, shelf, session: () => OAuth2Session.exchange({ ...options, rotate: true }) }
  }

  test('logs in and gets a session, without a single request, which connects and refreshes', async () => {
    const { gateway, socket } = await begin()
    expect((await socket.command('auth/providers', {})).providers).toHaveLength(1)
    const { asked, shelf, session } = exchange(gateway, socket, await codeOf(socket))
    const auth = await session()
    socket.close()
    expect(asked).toEqual([])
    expect(shelf.kept).toEqual([[auth.token, null]])
    expect(auth.token).toMatchObject({ generation: 0, expires_in: 1800 })
    const { connection } = watch(auth)
    expect(await connection.command('auth/current_user', {})).toMatchObject({ name: USER.name })
    gateway.clock.move(31 * 60_000)
    const raw = await authenticated(gateway.url, await auth.getAccessToken())
    expect(auth.token).toMatchObject({ generation: 1 })
    raw.socket.terminate()
  })

  test('is refused what wants somebody, and a code that is none', async () => {
    const { gateway, socket } = await begin()
    const { shelf, session } = exchange(gateway, socket, 'no code')
    expect(await refusal(session())).toMatchObject({ name: 'TokenRefused', code: 'invalid_request' })
    expect(shelf.kept).toEqual([])
    expect(await refusal(socket.command('auth/current_user', {}))).toMatchObject({ name: 'SocketClosed' })
  })
})

const exchangeAt = (url: string, socket: AuthenticatedSocket, clock = new MovableClock()) =>
  OAuth2Session.exchange({
    ...{ fetch, host: url, clientId: CLIENT_ID, redirectUri: CLIENT_ID, code: 'x', verifier: null, socket, clock },
  })

test('an answer that does not come within fifteen seconds is given up', async () => {
  let asked: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    asked = resolve
  })
  const server = await scriptedServer({ onMessage: () => asked() })
  const clock = new MovableClock()
  const outcome = refusal(exchangeAt(server.url, await ask(server.url), clock))
  await reached
  clock.move(14_999)
  clock.move(1)
  expect(await outcome).toMatchObject({ name: 'TokenUnavailable', message: 'the server did not answer', status: 0 })
})

test('a server that cannot serve now is worth another try, after the time that it said', async () => {
  const server = await scriptedServer({
    onMessage: (socket, { id }) => {
      const error = { code: 'temporarily_unavailable', message: 'Try again later.', retry_after_ms: 60_000 }
      socket.send(JSON.stringify({ id, type: 'result', success: false, error }))
    },
  })
  const error = await refusal(exchangeAt(server.url, await ask(server.url)))
  expect(error).toMatchObject({ name: 'TokenUnavailable', status: 0, retryAfterMs: 60_000 })
  expect(error.message).toBe('Try again later.')
})

test('a socket that ends before the answer gives no token, and one can be asked for again', async () => {
  const server = await scriptedServer({ onMessage: (socket) => socket.close(4000) })
  const error = await refusal(exchangeAt(server.url, await ask(server.url)))
  expect(error).toMatchObject({ name: 'TokenUnavailable', status: 0 })
  expect(error.cause).toMatchObject({ name: 'SocketClosed', code: 4000 })
})
