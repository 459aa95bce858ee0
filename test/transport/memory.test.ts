/** Many peers that ask and read nothing: the process grows no further than its bound for all of them. */
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { metric } from '../gateway/metric.ts'
import { authenticated, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Serving, serving } from './serving.ts'

const running: Serving[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
})

const MIB = 1024 * 1024
const READERS = 40
const TOKENS = 100

const memoryOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

describeTransports('slow readers', (_, transport) => {
  const linux = process.platform === 'linux'
  test.skipIf(!linux)(
    'all together grow the process by a bounded amount (A5, A8, A9, A21)',
    { timeout: 120_000 },
    async () => {
      const gateway = await serving({
        flags: ['--transport', transport],
        env: {
          LATCHKEY_LIMITS_OUTBOX: '16MiB',
          LATCHKEY_LIMITS_OUTBOX_TOTAL: '8MiB',
          // So that it is what waits that is measured, and not garbage that nobody needed to collect yet.
          NODE_OPTIONS: '--max-old-space-size=128',
        },
      })
      running.push(gateway)
      const { access_token } = await session(gateway.url)
      const good = await authenticated(gateway.url, access_token)
      for (let id = 1; id <= TOKENS; id++) {
        good.send({ id, type: 'auth/long_lived_access_token', client_name: `script ${id}`, lifespan: 1 })
        await good.next()
      }
      const before = memoryOf(gateway.pid)
      let most = 0
      for (let reader = 0; reader < READERS; reader++) {
        const slow = await authenticated(gateway.url, access_token)
        slow.socket.pause()
        // Some 15 MB of answers, of which the system takes about a half.
        for (let id = 1; id <= 500; id++) slow.send({ id, type: 'auth/refresh_tokens' })
        good.send({ id: TOKENS + reader + 1, type: 'ping' })
        expect(await good.next()).toEqual({ id: TOKENS + reader + 1, type: 'pong' })
        most = Math.max(most, memoryOf(gateway.pid) - before)
      }
      await expect.poll(() => metric(gateway, 'latchkey_backlog_bytes'), { timeout: 30_000 }).toBeLessThan(8 * MIB)
      most = Math.max(most, memoryOf(gateway.pid) - before)
      // The bound, what two seconds of closing sockets still hold, and what a heap leaves uncollected.
      expect(most / MIB).toBeLessThan(150)
    },
  )
})
