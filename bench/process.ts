/** Processes that are measured: started, pinned to a core, and asked what they have used. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { BenchFailed } from './failed.ts'

export interface Started {
  readonly pid: number
  /** What the line said that it was waited for. */
  readonly line: Readonly<Record<string, unknown>>
  readonly child: ChildProcess
  stop(signal?: NodeJS.Signals): Promise<void>
}

const START_MS = 120_000

/** Starts a program and waits for a line of JSON on its output that has an `url`. */
export const startProcess = (
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Started> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const said: string[] = []
    const ended = new Promise<void>((done) => child.once('exit', () => done()))
    const fail = (why: string): void => {
      child.kill('SIGKILL')
      reject(new BenchFailed(`${command} ${args[0] ?? ''}: ${[why, ...said.slice(-5)].join('; ')}`))
    }
    const limit = setTimeout(() => fail(`did not listen within ${START_MS / 1000} s`), START_MS)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with ${code}`))
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (said.push(line) > 100) said.shift()
      if (!line.includes('"url"')) return
      clearTimeout(limit)
      resolve({
        pid: child.pid!,
        line: JSON.parse(line) as Record<string, unknown>,
        child,
        stop: (signal = 'SIGTERM') => {
          child.kill(signal)
          return ended
        },
      })
    })
  })

/** Puts a process with all its threads on some cores. False: this machine has no `taskset`. */
export const pin = (pid: number, cores: string): boolean => {
  try {
    execFileSync('taskset', ['-a', '-p', '-c', cores, String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Microseconds of CPU that all threads of a process have had; null where the system does not say (Linux does). */
export const cpuMicros = (pid: number): number | null => {
  try {
    let nanos = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      try {
        nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
      } catch {
        // A thread that has just ended.
      }
    }
    return nanos / 1000
  } catch {
    return null
  }
}

/** Bytes of memory that a process holds; null where the system does not say. */
export const residentBytes = (pid: number): number | null => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
  } catch {
    return null
  }
}
