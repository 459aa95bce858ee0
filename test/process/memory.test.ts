/** A process that is about to run out of memory lets nobody new in. */
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type MemoryUse, watchMemory } from '../../src/memory.ts'
import { authenticated, MovableClock, rawSocket, session } from '../rig.ts'
import { cleanUp, newFolder, serve } from './child.ts'

afterEach(cleanUp)

test('memory is tight from 85 of 100, of the heap or of the process, looked at once a second', () => {
  const clock = new MovableClock()
  let use: MemoryUse = { heap: 85, heapLimit: 100, resident: 850, residentLimit: 1000 }
  const isTight = watchMemory(clock, () => use)
  expect(isTight()).toBe(false)
  use = { ...use, heap: 86 }
  expect(isTight()).toBe(false)
  clock.move(1000)
  expect(isTight()).toBe(true)
  use = { ...use, heap: 1, resident: 851 }
  clock.move(1000)
  expect(isTight()).toBe(true)
  use = { ...use, residentLimit: Number.POSITIVE_INFINITY }
  clock.move(1000)
  expect(isTight()).toBe(false)
})

/** Fills the heap when it gets a signal, to some nine tenths of what it may be, and gives it back at the next. */
const GREEDY = `data:text/javascript,${encodeURIComponent(`
  import v8 from 'node:v8'
  import vm from 'node:vm'
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc')
  let held = []
  process.on('SIGUSR2', () => {
    if (held.length > 0) { held = []; gc(); return }
    const used = () => { const { used_heap_size, heap_size_limit } = v8.getHeapStatistics(); return used_heap_size / heap_size_limit }
    while (used() < 0.86) held.push(new Array(100).fill(Math.random()))
  })`)}`

test('a full heap refuses new sockets with 503, open ones go on, and it recovers', async () => {
  const { child, url } = await serve(join(newFolder(), 'data'), [], {
    NODE_OPTIONS: `--max-old-space-size=512 --import=${GREEDY}`,
  })
  const { access_token } = await session(url)
  const socket = await authenticated(url, access_token)
  const knock = (): Promise<number> =>
    new Promise((resolve) => {
      const raw = rawSocket(url)
      raw.socket.on('unexpected-response', (_, response) => resolve(response.statusCode!))
      raw.socket.on('open', () => {
        raw.socket.close()
        resolve(101)
      })
    })
  expect(await knock()).toBe(101)
  child.process.kill('SIGUSR2')
  await expect.poll(knock, { timeout: 10_000 }).toBe(503)
  socket.send({ id: 1, type: 'ping' })
  expect(await socket.next()).toEqual({ id: 1, type: 'pong' })
  child.process.kill('SIGUSR2')
  await expect.poll(knock, { timeout: 10_000 }).toBe(101)
})
