/** A runnable example as a process of its own: its lines, and how it ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Example {
  readonly process: ChildProcess
  /** The next line that was not taken yet and fits; those before it are passed over. Rejects if the process ends before. */
  line(fits: RegExp): Promise<string>
  /** Types a line. */
  say(line: string): void
  readonly ended: Promise<{ code: number | null; stderr: string }>
}

const started: ChildProcess[] = []

/** For `afterEach`. */
export const endExamples = async (): Promise<void> => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'close')
  }
}

export const runExample = (
  path: string,
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Example => {
  const program = fileURLToPath(new URL(`../examples/${path}`, import.meta.url))
  const env = { PATH: process.env['PATH'], ...environment }
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  started.push(child)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (fits: RegExp): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`ended before it said ${fits}: ${(await ended).stderr}`)
      if (fits.test(value)) return value
    }
  }
  return { process: child, line, say: (text) => child.stdin.write(`${text}\n`), ended }
}
