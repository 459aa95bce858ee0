/** `examples/node-service.mjs` as a user runs it: it listens, survives a restart, and ends when it has to. */
import { afterEach, expect, test } from 'vitest'
import { endExamples, runExample } from '../example.ts'
import { closeRigs, grantOf, rig, session } from '../rig.ts'
import { closeConnections, sessionOf, watch } from './tools.ts'

afterEach(async () => {
  await endExamples()
  closeConnections()
  await closeRigs()
})

const begin = async () => {
  const gateway = await rig()
  const owner = watch(sessionOf(gateway, await session(gateway.url)), { patient: false }).connection
  const token = await owner.command('auth/long_lived_access_token', { client_name: 'service', lifespan: 10 })
  const service = runExample('node-service.mjs', { LATCHKEY_URL: gateway.url, LATCHKEY_TOKEN: token })
  await service.line(/^listening as Test User$/)
  return { gateway, owner, token, service }
}

test('it tells of users, comes back after a restart and tells of them again', async () => {
  const { gateway, owner, service } = await begin()
  const { user: bob } = await owner.command('config/auth/create', { name: 'Bob' })
  await service.line(new RegExp(`^user added: ${bob.id}$`))
  await gateway.restart()
  await service.line(/^lost: the socket was closed \(4000\); again in \d+ ms$/)
  await service.line(/^connected again$/)
  // It had sent its subscription when it said so.
  const { user: ann } = await owner.command('config/auth/create', { name: 'Ann' })
  await service.line(new RegExp(`^user added: ${ann.id}$`))
  service.process.kill('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, stderr: '' })
}, 40_000)

test('it ends, and says why, when its token is deleted', async () => {
  const { owner, token, service } = await begin()
  await owner.command('auth/delete_refresh_token', { refresh_token_id: grantOf(token) })
  expect(await service.ended).toEqual({ code: 1, stderr: 'the connection has ended: the socket was closed (4200)\n' })
})

test('it ends, and says why, with a token that was never good', async () => {
  const gateway = await rig()
  const service = runExample('node-service.mjs', { LATCHKEY_URL: gateway.url, LATCHKEY_TOKEN: 'a.b.c' })
  const { code, stderr } = await service.ended
  expect(code).toBe(1)
  expect(stderr).toContain('the server refused the access token')
})
