/** The control socket: one request and one answer a connection, each a line of JSON. Whoever may open the file is an operator. */
import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { isObject, parseJson } from '../protocol/json.ts'
import type { Control, OperationInput, OperationName, Results } from './operations.ts'
import { ControlRefused } from './refused.ts'

const MAX_LINE = 64 * 1024
/** A client that says nothing is not waited for. */
const IDLE_MS = 10_000
/** What the system takes as a socket's path (sockaddr_un), less its end. */
const MAX_PATH = 107

interface Answer {
  readonly ok: boolean
  readonly result?: unknown
  readonly refused?: string
}

/** The first line; null where there is none, or one that is too long. */
const readLine = (socket: Socket): Promise<string | null> =>
  new Promise((resolve) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.on('data', (data: string) => {
      text += data
      const end = text.indexOf('\n')
      if (end !== -1) resolve(text.slice(0, end))
      else if (text.length > MAX_LINE) resolve(null)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(null))
  })

const answer = async (control: Control, line: string | null): Promise<Answer> => {
  const parsed = line === null ? { kind: 'malformed' as const } : parseJson(line)
  if (parsed.kind !== 'value' || !isObject(parsed.value)) return { ok: false, refused: 'a request is one line of JSON' }
  const { operation, input } = parsed.value
  try {
    return { ok: true, result: await control(operation as OperationName, input as never) }
  } catch (error) {
    if (error instanceof ControlRefused) return { ok: false, refused: error.message }
    throw error
  }
}

export interface ControlListener {
  close(): Promise<void>
}

/**
 * Listens at a path in the data directory, whose database this process holds: a socket that is there already is a dead
 * one's. Null where the path is too long for a socket. `onFault` hears what went wrong inside an operation.
 */
export const listenControl = async (
  path: string,
  control: Control,
  onFault: (error: unknown) => void,
): Promise<ControlListener | null> => {
  if (Buffer.byteLength(path) > MAX_PATH) return null
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    void readLine(socket)
      .then((line) => answer(control, line))
      .catch((error: unknown): Answer => {
        onFault(error)
        return { ok: false, refused: 'it failed; the log of the node says why' }
      })
      .then((said) => socket.end(`${JSON.stringify(said)}\n`))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The directory is 0700 already; the file is, too.
    const before = process.umask(0o177)
    server.listen(path, resolve)
    process.umask(before)
  })
  chmodSync(path, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

/** Asks the node that listens at a path; null if none does. Throws `ControlRefused` with what it refuses. */
export const askControl = async <N extends OperationName>(
  path: string,
  operation: N,
  input: OperationInput<N>,
): Promise<{ readonly result: Results[N] } | null> => {
  const socket = await new Promise<Socket | null>((resolve) => {
    const opening = connect(path)
    opening.once('connect', () => resolve(opening))
    opening.once('error', () => resolve(null))
  })
  if (socket === null) return null
  // Hashing and copying take their time: nothing ends the wait but the node's own end.
  const said = new Promise<string>((resolve) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (data: string) => {
      text += data
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
  socket.write(`${JSON.stringify({ operation, input })}\n`)
  const text = await said
  if (text === '') throw new ControlRefused('the node ended before it answered; ask again, and look what was done')
  const { ok, result, refused } = JSON.parse(text) as Answer
  if (!ok) throw new ControlRefused(refused ?? 'refused')
  return { result: result as Results[N] }
}
