/** A gateway of our own, started on data that was made for it, with everything else as it is by default. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pin, type Started, startProcess } from '../process.ts'
import type { Inside, Seed, Target } from '../target.ts'

export interface LatchkeyOptions {
  readonly transport: 'uws' | 'ws' | 'auto'
  /** How many grants its database holds. */
  readonly grants: number
  /** How many of them the load uses. */
  readonly used: number
  /** Where it runs; null: anywhere. */
  readonly core: string | null
  readonly name?: string
}

export interface Latchkey extends Target {
  readonly seed: Seed
  readonly transport: string
  /** Milliseconds from the start of its process to its first line, for each time that it was started. */
  readonly startsInMs: readonly number[]
}

export const startLatchkey = async (inside: Inside, options: LatchkeyOptions): Promise<Latchkey> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const seed = await inside.seed(dataDir, options.grants)
  const [command, ...args] = inside.command
  const startsInMs: number[] = []
  const start = async (port: string): Promise<Started> => {
    const given = ['serve', '--port', port, '--data-dir', dataDir, '--log', 'json', '--transport', options.transport]
    const begin = performance.now()
    // Several run at once, and none keeps the port that the administration has by default.
    const env = { ...process.env, LATCHKEY_SERVER_ADMIN_PORT: '0' }
    const started = await startProcess(command!, [...args, ...given], env)
    startsInMs.push(Math.round(performance.now() - begin))
    if (options.core !== null) pin(started.pid, options.core)
    return started
  }
  let running = await start('0')
  const url = String(running.line['url'])
  const used = Math.min(options.used, options.grants)
  let shown = used
  return {
    name: options.name ?? `latchkey (${options.transport})`,
    url,
    dialect: 'latchkey',
    get pid() {
      return running.pid
    },
    seed,
    transport: String(running.line['transport']),
    startsInMs,
    sessions: {
      tokens: seed.accessTokens(used, 0),
      refreshTokens: seed.refreshTokens(used),
      clientId: seed.clientId,
    },
    unseen: (count) => {
      const tokens = seed.accessTokens(count, shown)
      shown += count
      return tokens
    },
    login: seed.login,
    crash: async () => {
      await running.stop('SIGKILL')
      running = await start(new URL(url).port)
    },
    stop: async () => {
      await running.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
