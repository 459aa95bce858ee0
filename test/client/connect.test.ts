/** A connection against a gateway: it comes back after a restart, with a good token and its subscriptions, or tells why not. */
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  Auth,
  type BusEvent,
  CommandFailed,
  type Connection,
  ConnectionEnded,
  SocketClosed,
  TokenRefused,
} from '../../src/client/index.ts'
import { anotherSession, closeRigs, grantOf, MovableClock, postForm, type Rig, session, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { closeConnections, counting, REFRESH, refusal, sessionOf, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeRigs()
})

const MINUTE = 60_000
const BOB = { name: 'Bob', username: 'bob', password: 'bob-pass' }

/** A second user, with a password; resolves to the id. */
const addBob = async (owner: Connection, group: 'system-admin' | 'system-users'): Promise<string> => {
  const { name, ...login } = BOB
  const { user } = await owner.command('config/auth/create', { name, group_ids: [group] })
  await owner.command('config/auth_provider/homeassistant/create', { ...login, user_id: user.id })
  return user.id
}

describeTransports('a connection', (start) => {
  const begin = async (settings = {}) => {
    const gateway = await start(settings)
    return { gateway, tokens: await session(gateway.url) }
  }

  /** Another session of the same user, to act from. */
  const elsewhere = async (gateway: Rig) =>
    watch(sessionOf(gateway, await anotherSession(gateway.url)), { patient: false }).connection

  test('answers commands that were given before it was open', async () => {
    const { gateway, tokens } = await begin()
    const { connection, states } = watch(sessionOf(gateway, tokens))
    expect(connection.state).toEqual({ state: 'connecting' })
    const [user, pong] = await Promise.all([
      connection.command('auth/current_user', {}),
      connection.command('ping', {}),
    ])
    expect(user).toMatchObject({ name: USER.name, is_owner: true })
    expect(pong).toBeNull()
    expect(states).toEqual([{ state: 'connecting' }, { state: 'open', again: false }])
  })

  test('rejects a command that the server refuses, with its code, and goes on', async () => {
    const { gateway, tokens } = await begin()
    const { connection } = watch(sessionOf(gateway, tokens))
    const error = await refusal(connection.command('auth/delete_refresh_token', { refresh_token_id: 'nope' }))
    expect(error).toBeInstanceOf(CommandFailed)
    expect(error).toMatchObject({ code: 'invalid_token_id', retryAfterMs: null })
    expect(await connection.command('ping', {})).toBeNull()
  })

  test('comes back after a restart, once the time is over that the server asked for, and hears events again', async () => {
    const { gateway, tokens } = await begin()
    const { connection, until, clock } = watch(sessionOf(gateway, tokens), { random: () => 0.5 })
    const heard: BusEvent[] = []
    let arrived: () => void = () => undefined
    await connection.subscribe('subscribe_events', { event_type: 'user_added' }, (event) => {
      heard.push(event)
      arrived()
    })
    await gateway.restart()
    const { ms, error } = await until('waiting')
    const { after_ms: asked } = JSON.parse((error as SocketClosed).reason) as { after_ms: number }
    expect(error).toMatchObject({ name: 'SocketClosed', code: 4000 })
    // Half of the first second is this side's own jitter.
    expect(ms).toBe(asked + 500)
    clock.move(ms)
    expect(await until('open')).toEqual({ state: 'open', again: true })
    const event = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const { user } = await connection.command('config/auth/create', { name: 'Bob' })
    await event
    expect(heard).toMatchObject([{ event_type: 'user_added', data: { user_id: user.id } }])
  })

  test('goes on trying while nobody listens, and a command given meanwhile is answered at last', async () => {
    const { gateway, tokens } = await begin()
    const { connection, until, states } = watch(sessionOf(gateway, tokens), { patient: false })
    await until('open')
    const restarted = gateway.restart()
    await until('waiting')
    const answer = connection.command('auth/current_user', {})
    await restarted
    expect(await answer).toMatchObject({ name: USER.name })
    expect(states.at(-1)).toEqual({ state: 'open', again: true })
  })

  test('hears no more of a subscription that was ended, on the next socket either', async () => {
    const { gateway, tokens } = await begin()
    const { connection, until } = watch(sessionOf(gateway, tokens), { patient: false })
    const heard: string[] = []
    const stop = await connection.subscribe('subscribe_events', { event_type: 'user_added' }, () => heard.push('ended'))
    await connection.subscribe('subscribe_events', { event_type: 'user_added' }, () => heard.push('kept'))
    await stop()
    await connection.command('config/auth/create', { name: 'Bob' })
    await connection.command('ping', {})
    expect(heard).toEqual(['kept'])
    await gateway.restart()
    await until('waiting')
    await until('open')
    await connection.command('config/auth/create', { name: 'Ann' })
    await connection.command('ping', {})
    expect(heard).toEqual(['kept', 'kept'])
  })

  test('tells a subscription that is refused, at once or after a reconnect', async () => {
    const { gateway, tokens } = await begin()
    const owner = watch(sessionOf(gateway, tokens), { patient: false }).connection
    const bob = await addBob(owner, 'system-admin')
    const { connection, until, clock } = watch(sessionOf(gateway, await anotherSession(gateway.url, BOB)))
    let lost: (error: CommandFailed) => void = () => undefined
    const refused = new Promise<CommandFailed>((resolve) => {
      lost = resolve
    })
    await connection.subscribe(
      'subscribe_events',
      { event_type: 'user_added' },
      () => undefined,
      (error) => lost(error),
    )
    await gateway.restart()
    const { ms } = await until('waiting')
    await owner.command('config/auth/update', { user_id: bob, group_ids: ['system-users'] })
    clock.move(ms)
    expect(await refused).toMatchObject({ name: 'CommandFailed', code: 'unauthorized' })
    const first = connection.subscribe('subscribe_events', { event_type: 'user_added' }, () => undefined)
    expect(await refusal(first)).toMatchObject({ name: 'CommandFailed', code: 'unauthorized' })
  })

  test('ends when its session is revoked: log in', async () => {
    const { gateway, tokens } = await begin()
    const { connection, until } = watch(sessionOf(gateway, tokens))
    await until('open')
    const other = await elsewhere(gateway)
    await other.command('auth/delete_refresh_token', { refresh_token_id: grantOf(tokens.access_token) })
    const end = await connection.closed
    expect(end).toBeInstanceOf(ConnectionEnded)
    expect(end).toMatchObject({ next: 'login', cause: { name: 'SocketClosed', code: 4200 } })
    expect(connection.state).toEqual({ state: 'closed', end })
    expect(await refusal(connection.command('ping', {}))).toBe(end)
    expect(await refusal(connection.subscribe('subscribe_events', {}, () => undefined))).toBe(end)
  })

  test('ends when its user is deactivated: log in', async () => {
    const { gateway, tokens } = await begin()
    const owner = watch(sessionOf(gateway, tokens)).connection
    const bob = await addBob(owner, 'system-users')
    const { connection, until } = watch(sessionOf(gateway, await anotherSession(gateway.url, BOB)))
    await until('open')
    await owner.command('config/auth/update', { user_id: bob, is_active: false })
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 4201 } })
  })

  test('that was revoked while it was away asks for a token once more, and ends: log in', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const { connection, until, clock } = watch(sessionOf(gateway, tokens, { fetch }))
    await until('open')
    await gateway.restart()
    const { ms } = await until('waiting')
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    clock.move(ms)
    const end = await connection.closed
    expect(end).toMatchObject({ next: 'login', cause: { name: 'TokenRefused', code: 'invalid_grant' } })
    expect(end.cause).toBeInstanceOf(TokenRefused)
    expect(asked).toEqual([REFRESH])
  })

  test('fetches a token before it opens a socket where its own has expired', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, tokens, { fetch })
    gateway.clock.move(31 * MINUTE)
    const { connection } = watch(auth)
    expect(await connection.command('ping', {})).toBeNull()
    expect(asked).toEqual([REFRESH])
  })

  test('whose token the server refuses, though it looks good here, comes in with another without waiting', async () => {
    const { gateway, tokens } = await begin()
    const { fetch, asked } = counting()
    const auth = sessionOf(gateway, tokens, { fetch, clock: new MovableClock() })
    gateway.clock.move(31 * MINUTE)
    const { connection, states } = watch(auth)
    expect(await connection.command('ping', {})).toBeNull()
    expect(asked).toEqual([REFRESH])
    expect(states.map(({ state }) => state)).toEqual(['connecting', 'connecting', 'open'])
  })

  test('with a long-lived token survives restarts, and ends when it is deleted', async () => {
    const { gateway, tokens } = await begin()
    const owner = watch(sessionOf(gateway, tokens), { patient: false }).connection
    const token = await owner.command('auth/long_lived_access_token', { client_name: 'service', lifespan: 10 })
    const { connection, until } = watch(new Auth(fetch, gateway.url, token), { patient: false })
    await until('open')
    await gateway.restart()
    await until('waiting')
    expect(await connection.command('ping', {})).toBeNull()
    await owner.command('auth/delete_refresh_token', { refresh_token_id: grantOf(token) })
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 4200 } })
  })

  test('with a token that was never good ends: log in', async () => {
    const { gateway } = await begin()
    const { connection } = watch(new Auth(fetch, gateway.url, 'a.b.c'))
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 'invalid_token' } })
  })

  test('under plain close codes finds out by its token that it was revoked', async () => {
    const { gateway, tokens } = await begin({ 'home_assistant.plain_close': 'true' })
    const { connection, until, clock } = watch(sessionOf(gateway, tokens))
    await until('open')
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    const { ms, error } = await until('waiting')
    expect(error).toMatchObject({ code: 1000 })
    clock.move(ms)
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 'invalid_grant' } })
  })

  test('that sent what the server cannot read stops', async () => {
    const { gateway, tokens } = await begin()
    const sockets: WebSocket[] = []
    class Watched extends WebSocket {
      constructor(url: string) {
        super(url)
        sockets.push(this)
      }
    }
    const { connection, until } = watch(sessionOf(gateway, tokens), { WebSocket: Watched })
    await until('open')
    sockets[0]!.send('{')
    expect(await connection.closed).toMatchObject({ next: 'stop', cause: { code: 4300 } })
    expect(sockets).toHaveLength(1)
  })

  test('that the application closes is over, for what waits and what is under way', async () => {
    const { gateway, tokens } = await begin()
    const { connection, until } = watch(sessionOf(gateway, tokens))
    const early = watch(sessionOf(gateway, tokens)).connection
    const waiting = refusal(early.command('ping', {}))
    early.close()
    expect(await waiting).toBe(await early.closed)
    await until('open')
    const underWay = refusal(connection.command('ping', {}))
    connection.close()
    expect(await underWay).toBeInstanceOf(SocketClosed)
    expect(await connection.closed).toMatchObject({ next: null, cause: undefined })
  })
})
