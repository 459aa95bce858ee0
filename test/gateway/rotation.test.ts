/** Rotating refresh tokens as a client and a thief see them. */

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { rotatingToken } from '../../src/auth/rotation.ts'
import { deriveKeys } from '../../src/auth/secrets.ts'
import type { GrantId } from '../../src/store/model.ts'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  grantOf,
  logIn,
  onboard,
  postForm,
  type Rig,
  rawSocket,
  session,
  type Tokens,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { asker, read } from './people.ts'

afterEach(closeRigs)

const SECOND = 1000
const MINUTE = 60_000

interface Rotating extends Tokens {
  readonly generation: number
}

const newAttempt = (): string => randomBytes(16).toString('base64url')

/** A new session whose refresh token rotates. */
const rotating = async ({ url }: Rig): Promise<Rotating> => {
  const code = await logIn(url)
  const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, rotate: '1' }
  return (await (await postForm(`${url}/auth/token`, fields)).json()) as Rotating
}

const refresh = async ({ url }: Rig, refresh_token: string, attempt?: string, client_id = CLIENT_ID) => {
  const fields = {
    grant_type: 'refresh_token',
    client_id,
    refresh_token,
    ...(attempt === undefined ? {} : { attempt }),
  }
  const response = await postForm(`${url}/auth/token`, fields)
  const { status, body } = await read(response.clone())
  return { status, body: body as Rotating & { error?: string }, retryAfter: response.headers.get('retry-after') }
}

const INVALID = { status: 400, body: { error: 'invalid_grant' }, retryAfter: null }

describeTransports('a rotating refresh token', (start) => {
  const begin = async () => {
    const gateway = await start()
    await onboard(gateway.url)
    return { gateway, tokens: await rotating(gateway) }
  }

  test('is another one after each refresh, of the next generation, and the session is the same', async () => {
    const { gateway, tokens } = await begin()
    expect(tokens.generation).toBe(0)
    let last = tokens.refresh_token
    for (let generation = 1; generation <= 5; generation++) {
      const { status, body } = await refresh(gateway, last, newAttempt())
      expect([status, body.generation, body.expires_in]).toEqual([200, generation, 1800])
      expect(body.refresh_token).not.toBe(last)
      expect(grantOf(body.access_token)).toBe(grantOf(tokens.access_token))
      last = body.refresh_token
    }
  })

  test('is never given to a client that did not ask for it (C19)', async () => {
    const gateway = await start()
    const { refresh_token } = await session(gateway.url)
    const { body } = await refresh(gateway, refresh_token, newAttempt())
    expect(Object.keys(body)).toEqual(['access_token', 'token_type', 'expires_in'])
    expect((await refresh(gateway, refresh_token)).status).toBe(200)
  })

  test('whose answer was lost comes again for the same attempt, a day and a restart later (B27)', async () => {
    const { gateway, tokens } = await begin()
    const attempt = newAttempt()
    const first = await refresh(gateway, tokens.refresh_token, attempt)
    gateway.clock.move(23 * 60 * MINUTE)
    await gateway.restart()
    const again = await refresh(gateway, tokens.refresh_token, attempt)
    expect(again.body.refresh_token).toBe(first.body.refresh_token)
    expect(again.body.generation).toBe(1)
    // What it gave goes on.
    expect((await refresh(gateway, again.body.refresh_token, newAttempt())).status).toBe(200)
  })

  test('shown twice without attempts is answered alike for ten seconds, and ends its session after that', async () => {
    const { gateway, tokens } = await begin()
    const first = await refresh(gateway, tokens.refresh_token)
    gateway.clock.move(9 * SECOND)
    expect((await refresh(gateway, tokens.refresh_token)).body.refresh_token).toBe(first.body.refresh_token)
    gateway.clock.move(2 * SECOND)
    expect(await refresh(gateway, tokens.refresh_token)).toEqual(INVALID)
    expect(await refresh(gateway, first.body.refresh_token)).toEqual(INVALID)
  })

  test('that a thief used first ends the session at the owner’s next refresh, with its sockets (B27, B21)', async () => {
    const { gateway, tokens } = await begin()
    const socket = await authenticated(gateway.url, tokens.access_token)
    const stolen = await refresh(gateway, tokens.refresh_token, newAttempt())
    expect(stolen.status).toBe(200)
    // Within the window it could be a race of two tabs: nobody is thrown out yet.
    const early = await refresh(gateway, tokens.refresh_token, newAttempt())
    expect(early).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' }, retryAfter: '60' })
    gateway.clock.move(MINUTE)
    expect(await refresh(gateway, tokens.refresh_token, newAttempt())).toEqual(INVALID)
    expect((await socket.closed).code).toBe(4203)
    expect(await refresh(gateway, stolen.body.refresh_token, newAttempt())).toEqual(INVALID)
    const bearer = { headers: { authorization: `Bearer ${stolen.body.access_token}` } }
    expect((await fetch(`${gateway.url}/api/`, bearer)).status).toBe(401)
  })

  test('of an older generation ends the session at once (B19)', async () => {
    const { gateway, tokens } = await begin()
    const all = [tokens.refresh_token]
    for (let i = 0; i < 20; i++) all.push((await refresh(gateway, all.at(-1)!, newAttempt())).body.refresh_token)
    expect(await refresh(gateway, all[1]!, newAttempt())).toEqual(INVALID)
    expect(await refresh(gateway, all.at(-1)!, newAttempt())).toEqual(INVALID)
  })

  test('is unharmed by what is not its own: forged, of another client, with an attempt that is none', async () => {
    const { gateway, tokens } = await begin()
    const { refresh_token } = tokens
    for (const forged of [`${refresh_token}x`, refresh_token.replace('.0.', '.1.'), refresh_token.slice(0, -1)]) {
      expect(await refresh(gateway, forged, newAttempt())).toEqual(INVALID)
    }
    const request = { status: 400, body: { error: 'invalid_request' }, retryAfter: null }
    expect(await refresh(gateway, refresh_token, newAttempt(), 'https://b.example/')).toEqual(request)
    for (const attempt of ['', 'short', 'x'.repeat(129), `${'x'.repeat(22)}!`]) {
      expect(await refresh(gateway, refresh_token, attempt)).toEqual(request)
    }
    const attempt = newAttempt()
    const { body } = await refresh(gateway, refresh_token, attempt)
    expect(body.generation).toBe(1)
    // The attempt that made it, shown with it: its answer has been given.
    expect(await refresh(gateway, body.refresh_token, attempt)).toEqual(request)
  })

  test('of any generation logs its session out', async () => {
    const { gateway, tokens } = await begin()
    const next = await refresh(gateway, tokens.refresh_token, newAttempt())
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    expect(await refresh(gateway, next.body.refresh_token, newAttempt())).toEqual(INVALID)
  })

  test('is heard of by the sockets of its session, and seen by none of them (B26)', async () => {
    const { gateway, tokens } = await begin()
    const other = await rotating(gateway)
    const sockets = [
      await authenticated(gateway.url, tokens.access_token),
      await authenticated(gateway.url, tokens.access_token),
    ]
    for (const raw of sockets) expect(await asker(raw)('auth/subscribe')).toMatchObject({ result: { generation: 0 } })
    const stranger = await authenticated(gateway.url, other.access_token)
    await asker(stranger)('auth/subscribe')
    const { body } = await refresh(gateway, tokens.refresh_token, newAttempt())
    for (const raw of sockets) {
      expect(await raw.next()).toEqual({ id: 1, type: 'event', event: { type: 'rotated', generation: 1 } })
    }
    // On a socket the next token stands in the answer to the one who showed the one before, and nowhere else.
    const asks = asker(sockets[0]!, 1)
    const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: body.refresh_token }
    const answer = JSON.stringify(await asks('auth/token', { ...fields, attempt: newAttempt(), authenticate: true }))
    const rest = JSON.stringify([answer, await sockets[0]!.next(), await sockets[1]!.next()])
    expect(rest.match(/lk_rt_/g)).toHaveLength(1)
    expect(rest.match(/rotated/g)).toHaveLength(2)
    stranger.send({ id: 2, type: 'ping' })
    expect(await stranger.next()).toEqual({ id: 2, type: 'pong' })
  })

  test('that a service asks about is good while it is the newest', async () => {
    const { gateway, tokens } = await begin()
    const ask = asker(await authenticated(gateway.url, tokens.access_token))
    const service = (await ask('auth/long_lived_access_token', { client_name: 'a service', lifespan: 1 })) as {
      result: string
    }
    const introspect = async (token: string) => {
      const headers = { authorization: `Bearer ${service.result}` }
      return (
        (await (await postForm(`${gateway.url}/auth/introspect`, { token }, headers)).json()) as { active: boolean }
      ).active
    }
    expect(await introspect(tokens.refresh_token)).toBe(true)
    const { body } = await refresh(gateway, tokens.refresh_token, newAttempt())
    expect([await introspect(tokens.refresh_token), await introspect(body.refresh_token)]).toEqual([false, true])
    // Asking is no use of it.
    expect((await refresh(gateway, body.refresh_token, newAttempt())).status).toBe(200)
  })

  test('logs a session out over a socket too, with an older generation', async () => {
    const { gateway, tokens } = await begin()
    const owners = await authenticated(gateway.url, tokens.access_token)
    const next = await refresh(gateway, tokens.refresh_token, newAttempt())
    const stranger = rawSocket(gateway.url)
    await stranger.next()
    stranger.send({ id: 1, type: 'auth/revoke', token: tokens.refresh_token })
    expect(await stranger.next()).toEqual({ id: 1, type: 'result', success: true, result: null })
    // A log-out and no theft.
    expect((await owners.closed).code).toBe(4200)
    expect(await refresh(gateway, next.body.refresh_token, newAttempt())).toEqual(INVALID)
  })

  test('that was used twice is told to the user’s other sessions, which live on (B27)', async () => {
    const { gateway, tokens } = await begin()
    const other = await rotating(gateway)
    const listening = await authenticated(gateway.url, other.access_token)
    const ask = asker(listening)
    await ask('auth/subscribe')
    for (let n = 0, last = tokens.refresh_token; n < 2; n++) {
      last = (await refresh(gateway, last, newAttempt())).body.refresh_token
    }
    expect(await refresh(gateway, tokens.refresh_token, newAttempt())).toEqual(INVALID)
    expect(await listening.next()).toMatchObject({
      id: 1,
      event: { type: 'session_removed', refresh_token_id: grantOf(tokens.access_token), reason: 'reuse' },
    })
    expect(await ask('ping')).toEqual({ id: 2, type: 'pong' })
    expect((await refresh(gateway, other.refresh_token, newAttempt())).status).toBe(200)
  })

  test('that was used twice, shown on a socket of its own session, closes that socket with the others', async () => {
    const { gateway, tokens } = await begin()
    const sockets = [
      await authenticated(gateway.url, tokens.access_token),
      await authenticated(gateway.url, tokens.access_token),
    ]
    const next = await refresh(gateway, tokens.refresh_token, newAttempt())
    await refresh(gateway, next.body.refresh_token, newAttempt())
    const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: tokens.refresh_token }
    sockets[0]!.send({ id: 1, type: 'auth/token', ...shown, attempt: newAttempt(), authenticate: true })
    for (const { closed } of sockets) expect((await closed).code).toBe(4203)
  })

  test('stands in the log by what it was taken for, and never itself', async () => {
    const { gateway, tokens } = await begin()
    const attempt = newAttempt()
    const { body } = await refresh(gateway, tokens.refresh_token, attempt)
    await refresh(gateway, tokens.refresh_token, attempt)
    await refresh(gateway, tokens.refresh_token, newAttempt())
    // What the server would have given out, had its last steps not been lost.
    const { refreshKey } = deriveKeys(readFileSync(join(gateway.dataDir, 'pepper')))
    const ahead = rotatingToken(refreshKey, grantOf(tokens.access_token) as GrantId, 4)
    expect((await refresh(gateway, ahead, newAttempt())).body.generation).toBe(5)
    await refresh(gateway, tokens.refresh_token, attempt)
    const about = { grant: grantOf(tokens.access_token), client_id: CLIENT_ID, address: '127.0.0.1' }
    expect(gateway.logged.filter(({ event }) => String(event).startsWith('refresh_'))).toMatchObject([
      { event: 'refresh_replayed', level: 30, ...about, shown: 0, generation: 1 },
      { event: 'refresh_raced', level: 30, ...about, shown: 0, generation: 1 },
      { event: 'refresh_ahead', level: 40, ...about, shown: 4, generation: 5 },
      { event: 'refresh_reuse', level: 40, ...about, shown: 0, generation: 5 },
    ])
    const lines = JSON.stringify(gateway.logged)
    for (const secret of [tokens.refresh_token, body.refresh_token, attempt]) expect(lines).not.toContain(secret)
  })
})
