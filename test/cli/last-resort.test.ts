/** When a process that meets faults of its own gives up. */
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { lastResort } from '../../src/cli/last-resort.ts'
import { cleanUp, newFolder, serve } from '../process/child.ts'
import { authenticated, MovableClock, session } from '../rig.ts'

afterEach(cleanUp)

test('G9: ten faults in a minute are survived, the eleventh ends the process, once', () => {
  const clock = new MovableClock()
  let ends = 0
  const fault = lastResort(clock, () => ends++)
  for (let i = 0; i < 10; i++) fault()
  clock.move(61_000)
  for (let i = 0; i < 10; i++) fault()
  expect(ends).toBe(0)
  for (let i = 0; i < 5; i++) fault()
  expect(ends).toBe(1)
})

/** Throws where nobody catches, each time it gets a signal. */
const FAULTY = `data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => { throw new Error('x') })")}`

test('G9: a fault of ours costs no session; too many end the process with 1 after everybody was sent away', async () => {
  const { child, url } = await serve(join(newFolder(), 'data'), [], { NODE_OPTIONS: `--import=${FAULTY}` })
  const { access_token } = await session(url)
  const socket = await authenticated(url, access_token)
  const faults = () => child.lines.filter(({ msg }) => msg === 'uncaughtException: a fault of ours').length
  for (let i = 1; i <= 10; i++) {
    child.process.kill('SIGUSR2')
    await expect.poll(faults).toBe(i)
  }
  socket.send({ id: 1, type: 'ping' })
  expect(await socket.next()).toEqual({ id: 1, type: 'pong' })
  child.process.kill('SIGUSR2')
  expect((await socket.closed).code).toBe(4000)
  expect((await child.ended).code).toBe(1)
  expect(child.lines.at(-1)).toMatchObject({ msg: 'stopping', reason: 'too many faults' })
})
