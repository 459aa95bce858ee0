/** The published client of Home Assistant, unchanged from the registry, against a gateway. */
import {
  type Auth,
  type Connection,
  createConnection,
  createLongLivedTokenAuth,
  ERR_INVALID_AUTH,
  getAuth,
  getUser,
} from 'home-assistant-js-websocket'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { authenticated, CLIENT_ID, closeRigs, grantOf, logIn, onboard, type Rig } from '../rig.ts'
import { describeTransports } from '../transports.ts'

beforeAll(() => {
  // Node 20 has no WebSocket of its own, and the library wants one.
  globalThis.WebSocket ??= WebSocket as never
})
afterEach(closeRigs)

const authOf = async ({ url }: Rig, code: string): Promise<Auth> =>
  getAuth({ hassUrl: url, clientId: CLIENT_ID, authCode: code, redirectUrl: 'https://example.com/app/callback' })

const nextEvent = (connection: Connection, name: 'ready' | 'disconnected' | 'reconnect-error'): Promise<unknown> =>
  new Promise((resolve) => {
    const listener = (_: Connection, data: unknown): void => {
      connection.removeEventListener(name, listener)
      resolve(data)
    }
    connection.addEventListener(name, listener)
  })

describeTransports('home-assistant-js-websocket', (start) => {
  const loggedIn = async (): Promise<{ gateway: Rig; auth: Auth }> => {
    const gateway = await start()
    return { gateway, auth: await authOf(gateway, await onboard(gateway.url)) }
  }

  test('getAuth exchanges a code and keeps what it needs to refresh', async () => {
    const { auth, gateway } = await loggedIn()
    expect(auth.data).toMatchObject({
      hassUrl: gateway.url,
      clientId: CLIENT_ID,
      token_type: 'Bearer',
      expires_in: 1800,
    })
    expect(auth.expired).toBe(false)
  })

  test('createConnection authenticates, and getUser tells who it is', async () => {
    const { auth } = await loggedIn()
    const connection = await createConnection({ auth })
    expect(await getUser(connection)).toMatchObject({ name: 'Test User', is_owner: true, is_admin: true })
    await connection.ping()
    connection.close()
  })

  test('a long-lived token made over the socket opens another', async () => {
    const { auth, gateway } = await loggedIn()
    const connection = await createConnection({ auth })
    const token = await connection.sendMessagePromise<string>({
      type: 'auth/long_lived_access_token',
      client_name: 'a script',
      lifespan: 365,
    })
    const second = await createConnection({ auth: createLongLivedTokenAuth(gateway.url, token) })
    expect(await getUser(second)).toMatchObject({ name: 'Test User' })
    connection.close()
    second.close()
  })

  test('an expired access token is refreshed before the socket is opened', async () => {
    const { auth } = await loggedIn()
    const before = auth.accessToken
    auth.data.expires = 0
    // An access token made in the same second would be the same text.
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const connection = await createConnection({ auth })
    expect(auth.accessToken).not.toBe(before)
    expect(await getUser(connection)).toMatchObject({ is_owner: true })
    connection.close()
  })

  test('revoke ends the session: its socket closes, and neither token opens anything', async () => {
    const { auth } = await loggedIn()
    const connection = await createConnection({ auth })
    const lost = nextEvent(connection, 'reconnect-error')
    await auth.revoke()
    expect(await lost).toBe(ERR_INVALID_AUTH)
    await expect(createConnection({ auth })).rejects.toBe(ERR_INVALID_AUTH)
    await expect(auth.refreshAccessToken()).rejects.toBe(ERR_INVALID_AUTH)
  })

  test('a session that is revoked from elsewhere loses its socket, and is told to log in again', async () => {
    const { auth, gateway } = await loggedIn()
    const connection = await createConnection({ auth })
    const disconnected = nextEvent(connection, 'disconnected')
    const lost = nextEvent(connection, 'reconnect-error')
    const elsewhere = await authOf(gateway, await logIn(gateway.url))
    const other = await authenticated(gateway.url, elsewhere.accessToken)
    other.send({ id: 1, type: 'auth/delete_refresh_token', refresh_token_id: grantOf(auth.accessToken) })
    expect(await other.next()).toEqual({ id: 1, type: 'result', success: true, result: {} })
    await disconnected
    expect(await lost).toBe(ERR_INVALID_AUTH)
    other.socket.close()
  })

  test('a client reconnects by itself after a restart of the server, with the same session', async () => {
    const { auth, gateway } = await loggedIn()
    const connection = await createConnection({ auth, setupRetry: -1 })
    const ready = nextEvent(connection, 'ready')
    await gateway.restart()
    await ready
    expect(await getUser(connection)).toMatchObject({ name: 'Test User' })
    connection.close()
  })
})
