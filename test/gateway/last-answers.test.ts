/** Commands that end the session of their own socket: answered first, then closed. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { authenticated, CLIENT_ID, closeRigs, logIn, type RawSocket, session, type Tokens } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { admit, begin } from './members.ts'
import { asker } from './people.ts'

afterEach(closeRigs)

const MINUTE = 60_000

/** The next two things that a socket says: an answer and its end. */
const last = async (raw: RawSocket, type: string, fields: object, id: number): Promise<unknown> => {
  raw.send({ id, type, ...fields })
  const answer = await raw.next()
  return [answer, (await raw.closed).code]
}

describeTransports('the last answer of a socket', (start) => {
  test('to who deactivates themselves', async () => {
    const { gateway, owner } = await begin(start)
    const { id, raw } = await admit(gateway, owner, 'adm', ['system-admin'])
    expect(await last(raw, 'config/auth/update', { user_id: id, is_active: false }, 1)).toEqual([
      expect.objectContaining({
        id: 1,
        success: true,
        result: { user: expect.objectContaining({ is_active: false }) },
      }),
      4201,
    ])
  })

  test('to who takes their own user name away', async () => {
    const { gateway, owner } = await begin(start)
    const { raw } = await admit(gateway, owner, 'adm', ['system-admin'])
    const type = 'config/auth_provider/homeassistant/delete'
    expect(await last(raw, type, { username: 'adm' }, 1)).toEqual([
      { id: 1, type: 'result', success: true, result: null },
      4200,
    ])
  })

  test('to who shows a refresh token that was used up (B27)', async () => {
    const gateway = await start()
    const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
    const ask = asker(raw)
    const code = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: await logIn(gateway.url) }
    const { result } = (await ask('auth/token', { ...code, rotate: true, authenticate: true })) as { result: Tokens }
    const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: result.refresh_token }
    const attempt = (): string => randomBytes(16).toString('base64url')
    expect(await ask('auth/token', { ...shown, attempt: attempt() })).toMatchObject({ success: true })
    gateway.clock.move(MINUTE)
    expect(await last(raw, 'auth/token', { ...shown, attempt: attempt() }, 3)).toEqual([
      expect.objectContaining({ id: 3, success: false, error: expect.objectContaining({ code: 'invalid_grant' }) }),
      4203,
    ])
  })

  test('to who shows a code that was used up', async () => {
    const gateway = await start()
    const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
    const code = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: await logIn(gateway.url) }
    expect(await asker(raw)('auth/token', { ...code, authenticate: true })).toMatchObject({ success: true })
    expect(await last(raw, 'auth/token', code, 2)).toEqual([
      expect.objectContaining({ id: 2, success: false, error: expect.objectContaining({ code: 'invalid_request' }) }),
      4200,
    ])
  })
})
