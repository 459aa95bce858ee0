/** Strangers hold every descriptor: whoever is in goes on, nothing spins, and it recovers by itself. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { authenticated, rawSocket, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Serving, serving } from './serving.ts'

const running: Serving[] = []
const strangers: Socket[] = []
afterEach(async () => {
  for (const one of strangers.splice(0)) one.destroy()
  for (const one of running.splice(0)) await one.stop()
})

/** CPU time that a process has used, in milliseconds. */
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  // utime and stime, in ticks of 10 ms (proc(5)).
  return (Number(fields[11]) + Number(fields[12])) * 10
}

describeTransports('without descriptors', (_, transport) => {
  test.skipIf(process.platform !== 'linux')('open sockets go on, nothing spins, and it recovers (A23)', async () => {
    const gateway = await serving({ flags: ['--transport', transport], descriptors: 700 })
    running.push(gateway)
    const { access_token } = await session(gateway.url)
    const good = await authenticated(gateway.url, access_token)
    const port = Number(new URL(gateway.url).port)
    for (let i = 0; i < 900; i++) {
      const stranger = connect(port, '127.0.0.1')
      stranger.on('error', () => undefined)
      strangers.push(stranger)
    }
    await gateway.line('no new connections: too few descriptors are free')
    const before = cpuOf(gateway.pid)
    const begun = performance.now()
    for (let id = 1; id <= 10; id++) {
      good.send({ id, type: 'auth/current_user' })
      expect(await good.next()).toMatchObject({ id, success: true })
      await sleep(200)
    }
    const share = (cpuOf(gateway.pid) - before) / (performance.now() - begun)
    // A spinning loop takes all that it is given, however busy the machine is.
    expect(share).toBeLessThan(0.3)
    for (const one of strangers.splice(0)) one.destroy()
    await gateway.line('new connections again')
    const late = rawSocket(gateway.url)
    expect(await late.next()).toMatchObject({ type: 'auth_required' })
    late.socket.close()
    good.send({ id: 11, type: 'ping' })
    expect(await good.next()).toEqual({ id: 11, type: 'pong' })
    good.socket.close()
  })

  test.skipIf(process.platform !== 'linux')(
    'sockets are refused with 503 before the reserve is touched (A23)',
    async () => {
      const gateway = await serving({
        flags: ['--transport', transport],
        env: { LATCHKEY_LIMITS_UNAUTHENTICATED_SOCKETS_PER_ADDRESS: '1000' },
        // Node itself needs hundreds to load its modules at once.
        descriptors: 700,
      })
      running.push(gateway)
      const { access_token } = await session(gateway.url)
      const open = [await authenticated(gateway.url, access_token)]
      const refused = new Promise<number>((resolve) => {
        const more = (): void => {
          const raw = rawSocket(gateway.url)
          raw.socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
          raw.socket.on('open', () => {
            open.push(raw)
            more()
          })
        }
        more()
      })
      expect(await refused).toBe(503)
      open[0]!.send({ id: 1, type: 'ping' })
      expect(await open[0]!.next()).toEqual({ id: 1, type: 'pong' })
      expect((await fetch(`${gateway.adminUrl}/healthz`)).status).toBe(200)
      for (const { socket } of open) socket.close()
    },
  )
})
