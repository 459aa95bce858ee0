/** `examples/react-native-like` as a user runs it: an app on a host without pages, which sleeps, is killed and comes back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Token } from '../../src/client/index.ts'
import { endExamples, runExample } from '../example.ts'
import { anotherSession, closeRigs, grantOf, onboard, type Rig, rig, USER } from '../rig.ts'
import { closeConnections, sessionOf, watch } from './tools.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-phone-'))
})
afterEach(async () => {
  await endExamples()
  closeConnections()
  await closeRigs()
  rmSync(folder, { recursive: true, force: true })
})

const switchOn = ({ url }: Rig) => {
  const NODE_OPTIONS = '--experimental-vm-modules --no-warnings'
  return runExample('react-native-like/phone.mjs', { LATCHKEY_URL: url, KEPT: join(folder, 'kept.json'), NODE_OPTIONS })
}

const kept = (): Token => JSON.parse(readFileSync(join(folder, 'kept.json'), 'utf8')) as Token

const begin = async () => {
  const gateway = await rig()
  await onboard(gateway.url)
  const phone = switchOn(gateway)
  await phone.line(/^username\?$/)
  phone.say(USER.username)
  await phone.line(/^password\?$/)
  phone.say('a wrong one')
  await phone.line(/^refused: invalid_auth$/)
  await phone.line(/^username\?$/)
  phone.say(USER.username)
  await phone.line(/^password\?$/)
  phone.say(USER.password)
  await phone.line(/^logged in$/)
  await phone.line(/^connected as Test User$/)
  const owner = watch(sessionOf(gateway, await anotherSession(gateway.url)), { patient: false }).connection
  /** The phone's session, as the server has it. */
  const session = async () => {
    const { items } = await owner.command('auth/sessions', {})
    return items.find(({ client_id }) => client_id === 'https://phone.example/')!
  }
  return { gateway, phone, owner, session }
}

test('it logs in over a socket, sleeps without one, and wakes up with another token', async () => {
  const { gateway, phone, session } = await begin()
  expect(kept()).toMatchObject({ generation: 0 })
  expect((await session()).sockets).toHaveLength(1)
  phone.say('background')
  await phone.line(/^in the background$/)
  await expect.poll(async () => (await session()).sockets).toEqual([])
  // The phone's own clock does not know how long it slept: the server refuses its token, and it gets the next.
  gateway.clock.move(8 * 3_600_000)
  phone.say('active')
  await phone.line(/^connected as Test User$/)
  const token = kept()
  expect(token).toMatchObject({ generation: 1 })
  expect(token).not.toHaveProperty('attempt')
})

test('that was killed goes on without a login, and ends when its session is revoked', async () => {
  const { gateway, phone, owner } = await begin()
  phone.process.kill('SIGKILL')
  await phone.ended
  const again = switchOn(gateway)
  await again.line(/^the session goes on$/)
  await again.line(/^connected as Test User$/)
  await owner.command('auth/revoke_session', { refresh_token_id: grantOf(kept().access_token) })
  await again.line(/^ended: .* \(4200\)$/)
  expect(await again.ended).toEqual({ code: 0, stderr: '' })
  expect(kept).toThrow(/ENOENT/)
})
