/** The built program as a process of its own, watched from outside. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))

/** Hashing is cheap here: what it costs is not asked. */
const CHEAP_HASHING = { LATCHKEY_HASHING_MEMORY: '8MiB', LATCHKEY_HASHING_TIME: '1' }

type Environment = Readonly<Record<string, string>>

const started: Child[] = []
const folders: string[] = []

/** Ends every process and removes every folder; for `afterEach`. */
export const cleanUp = async (): Promise<void> => {
  for (const child of started.splice(0)) await child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-process-'))
  folders.push(folder)
  return folder
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Line extends Readonly<Record<string, unknown>> {
  readonly msg: string
}

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #heard: (() => void)[] = []

  constructor(args: readonly string[], environment: Environment, cwd?: string) {
    const env = { PATH: process.env['PATH'], ...CHEAP_HASHING, ...environment }
    this.process = spawn(process.execPath, [PROGRAM, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      for (const listener of this.#heard) listener()
    })
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // `close` and not `exit`: by then everything that it wrote was read.
    this.ended = once(this.process, 'close').then(([code, signal]) => ({ code, signal }) as Ended)
    started.push(this)
  }

  /** The lines of its log so far. */
  get lines(): Line[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
  }

  /** The first line that says this. Rejects, with what it wrote, if the process ends before. */
  line(msg: string): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => line.msg === msg)
        if (found !== undefined) resolve(found)
      }
      this.#heard.push(look)
      look()
      void this.ended.then(({ code, signal }) =>
        reject(new Error(`ended (${code ?? signal}) before it said ${msg}: ${this.stderr}${this.stdout}`)),
      )
    })
  }

  async kill(signal: NodeJS.Signals): Promise<Ended> {
    this.process.kill(signal)
    return this.ended
  }
}

/** Runs a command to its end. */
export const run = async (args: readonly string[], environment: Environment = {}, cwd?: string) => {
  const child = new Child(args, environment, cwd)
  const { code } = await child.ended
  return { code, stdout: child.stdout, stderr: child.stderr }
}

export interface Served {
  readonly child: Child
  readonly url: string
  readonly admin: string
  /** Null once there is an owner. */
  readonly setUp: string | null
}

/** Serves on free ports, and waits until it listens. */
export const serve = async (
  dataDir: string,
  args: readonly string[] = [],
  environment: Environment = {},
): Promise<Served> => {
  const child = new Child(['serve', '--port', '0', '--data-dir', dataDir, '--log', 'json', ...args], environment)
  const { url, admin, set_up } = await child.line('listening')
  return { child, url: url as string, admin: admin as string, setUp: (set_up as string | undefined) ?? null }
}
