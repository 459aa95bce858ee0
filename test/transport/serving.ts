/** A gateway in a process of its own, started as an operator starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const COMMAND = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))

export interface Serving {
  readonly url: string
  readonly adminUrl: string
  readonly pid: number
  /** The lines of the log so far, parsed. */
  readonly logged: Record<string, unknown>[]
  /** The first line of the log with this text, now or later. */
  line(msg: string): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

interface Options {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors that it may have. */
  readonly descriptors?: number
}

/** Resolves when it listens; rejects with what it said where it does not start. */
export const serving = async ({ flags = [], env = {}, descriptors }: Options): Promise<Serving> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-serving-'))
  const command = [process.execPath, COMMAND, 'serve', '--port', '0', '--log', 'json', '--data-dir', dataDir, ...flags]
  const limited = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `
  const child: ChildProcess = spawn('sh', ['-c', `${limited}exec "$@"`, 'sh', ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const logged: Record<string, unknown>[] = []
  let complaint = ''
  const wanted = new Set<{ msg: string; resolve: (line: Record<string, unknown>) => void }>()
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    logged.push(line)
    for (const one of wanted) if (one.msg === line['msg']) one.resolve(line)
  })
  const lineOf = (msg: string): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      const there = logged.find((line) => line['msg'] === msg)
      if (there === undefined) wanted.add({ msg, resolve })
      else resolve(there)
    })
  const failed = exited.then(() => {
    rmSync(dataDir, { recursive: true, force: true })
    throw new Error(`did not start: ${complaint.trim()}`)
  })
  failed.catch(() => undefined)
  const { url, admin } = (await Promise.race([lineOf('listening'), failed])) as { url: string; admin: string }
  return {
    url,
    adminUrl: admin,
    pid: child.pid!,
    logged,
    line: lineOf,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}
