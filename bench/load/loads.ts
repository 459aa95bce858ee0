/** The kinds of load that a worker makes: sockets that come and go, and sockets that stay and ask. */

import { BenchFailed } from '../failed.ts'
import type { Dialect } from './dialects.ts'
import { textFrame } from './frames.ts'
import { type Aim, LoadSocket } from './socket.ts'

export interface Load {
  /** Whatever has to be there before anything is counted. */
  prepare(): Promise<void>
  /** As many operations as it can for so long, each after another's end. Resolves to their number. */
  closed(ms: number): Promise<number>
  /** Begins an operation; `done` is called at its end. False: too many are under way. */
  begin(done: () => void): boolean
  close(): void
}

/** What sockets are asked. */
export type Question = 'command' | 'currentUser' | 'renew' | 'refresh'

/**
 * How often each token is shown before anything is counted: a server knows one that it has seen twice as well as it ever will. 0: each
 * counts once, and where they run out the load fails.
 */
export type Shown = 0 | 1 | 2

/** A socket opened, authenticated, asked once and closed cleanly. */
export class ConnectLoad implements Load {
  readonly #aim: Aim
  readonly #tokens: readonly string[]
  readonly #shown: Shown
  readonly #parallel: number
  #frames: readonly Buffer[] = []
  #next = 0
  #underWay = 0
  #command: Buffer

  constructor(aim: Aim, tokens: readonly string[], shown: Shown, parallel: number) {
    this.#aim = aim
    this.#tokens = tokens
    this.#shown = shown
    this.#parallel = parallel
    this.#command = textFrame(aim.dialect.command(1))
  }

  async prepare(): Promise<void> {
    this.#frames = this.#tokens.map((token) => textFrame(this.#aim.dialect.auth(token)))
    for (let times = 0; times < this.#shown; times++) {
      const frames = this.#frames.values()
      const chain = async (): Promise<void> => {
        for (const frame of frames) await this.#visit(frame)
      }
      await Promise.all(Array.from({ length: this.#parallel }, chain))
    }
  }

  async closed(ms: number): Promise<number> {
    const end = performance.now() + ms
    let count = 0
    const chain = async (): Promise<void> => {
      while (performance.now() < end) {
        await this.#visit(this.#frame())
        count++
      }
    }
    await Promise.all(Array.from({ length: this.#parallel }, chain))
    return count
  }

  begin(done: () => void): boolean {
    if (this.#underWay >= MOST_UNDER_WAY) return false
    this.#underWay++
    this.#visit(this.#frame()).then(
      () => {
        this.#underWay--
        done()
      },
      () => {
        this.#underWay--
      },
    )
    return true
  }

  close(): void {
    // Nothing stays open.
  }

  #frame(): Buffer {
    const at = this.#next++
    const frame = this.#frames[this.#shown === 0 ? at : at % this.#frames.length]
    if (frame === undefined) throw new BenchFailed(`all ${this.#frames.length} tokens have been used`)
    return frame
  }

  async #visit(frame: Buffer): Promise<void> {
    const socket = await LoadSocket.open(this.#aim, frame)
    await new Promise<void>((resolve, reject) => {
      let answered = false
      socket.onFrame = () => {
        answered = true
        socket.close()
      }
      socket.onEnd = (code) => {
        if (answered) resolve()
        else reject(new BenchFailed(`closed with ${code} before the answer`))
      }
      socket.send(this.#command)
    })
  }
}

/** Operations that may be under way at once in an open loop: a server that stands still must not fill the memory here. */
const MOST_UNDER_WAY = 20_000

interface Asker {
  readonly socket: LoadSocket
  readonly token: string
  readonly refreshToken: string
  /** Of each question under way, in their order: answers come in that order here. */
  readonly waiting: (() => void)[]
}

/** Whose sockets they are. */
export interface Sessions {
  readonly tokens: readonly string[]
  /** Beside the tokens, where there are any. */
  readonly refreshTokens?: readonly string[]
  readonly clientId?: string
}

/** Sockets that stay open and ask again and again. */
export class AskLoad implements Load {
  readonly #aim: Aim
  readonly #sessions: Sessions
  readonly #question: Question
  readonly #sockets: number
  readonly #depth: number
  #askers: Asker[] = []
  #next = 0
  #failed: BenchFailed | null = null

  constructor(aim: Aim, sessions: Sessions, question: Question, sockets: number, depth: number) {
    this.#aim = aim
    this.#sessions = sessions
    this.#question = question
    this.#sockets = sockets
    this.#depth = depth
  }

  async prepare(): Promise<void> {
    const open = async (_: unknown, i: number): Promise<Asker> => {
      const { tokens, refreshTokens = [] } = this.#sessions
      const token = tokens[i % tokens.length]!
      const socket = await LoadSocket.open(this.#aim, textFrame(this.#aim.dialect.auth(token)))
      const refreshToken = refreshTokens[i % Math.max(1, refreshTokens.length)] ?? ''
      return { socket, token, refreshToken, waiting: [] }
    }
    for (let i = 0; i < this.#sockets; i += BATCH) {
      const some = Array.from({ length: Math.min(BATCH, this.#sockets - i) }, (_, j) => open(_, i + j))
      this.#askers.push(...(await Promise.all(some)))
    }
    for (const asker of this.#askers) {
      asker.socket.onFrame = (data, start, end) => this.#answered(asker, data, start, end)
      asker.socket.onEnd = (code) => {
        this.#failed = new BenchFailed(`a socket was closed with ${code}`)
        for (const done of asker.waiting.splice(0)) done()
      }
    }
    await this.closed(WARM_UP_MS)
  }

  async closed(ms: number): Promise<number> {
    const end = performance.now() + ms
    let count = 0
    const chain = (asker: Asker): Promise<void> =>
      new Promise((resolve) => {
        let left = 0
        const done = (): void => {
          count++
          if (--left > 0) return
          if (performance.now() < end && this.#failed === null) ask()
          else resolve()
        }
        const ask = (): void => {
          left = this.#depth
          const frames: Buffer[] = []
          for (let i = 0; i < this.#depth; i++) {
            asker.waiting.push(done)
            frames.push(this.#ask(asker))
          }
          asker.socket.send(this.#depth === 1 ? frames[0]! : Buffer.concat(frames))
        }
        ask()
      })
    await Promise.all(this.#askers.map(chain))
    if (this.#failed !== null) throw this.#failed
    return count
  }

  begin(done: () => void): boolean {
    const asker = this.#askers[this.#next++ % this.#askers.length]!
    if (asker.waiting.length * this.#askers.length >= MOST_UNDER_WAY) return false
    asker.waiting.push(done)
    asker.socket.send(this.#ask(asker))
    return true
  }

  close(): void {
    for (const { socket } of this.#askers) {
      socket.onEnd = () => undefined
      socket.destroy()
    }
  }

  #ask(asker: Asker): Buffer {
    return textFrame(
      questionText(this.#aim.dialect, this.#question, ++asker.socket.lastId, asker, this.#sessions.clientId ?? ''),
    )
  }

  #answered(asker: Asker, data: Buffer, start: number, end: number): void {
    const done = asker.waiting.shift()
    // The first answers tell whether they are answers at all; to look at each would cost more than the server.
    if (asker.socket.lastId <= LOOKED_AT) {
      const text = data.toString('latin1', start, end)
      if (text.includes(this.#aim.dialect.failure)) this.#failed = new BenchFailed(`refused: ${text.slice(0, 200)}`)
    }
    done?.()
  }
}

const BATCH = 100
const LOOKED_AT = 32
const WARM_UP_MS = 300

const questionText = (
  dialect: Dialect,
  question: Question,
  id: number,
  { token, refreshToken }: Asker,
  clientId: string,
): string => {
  switch (question) {
    case 'command':
      return dialect.command(id)
    case 'currentUser':
      return dialect.currentUser!(id)
    case 'renew':
      return dialect.renew!(id, token)
    case 'refresh':
      return dialect.refresh!(id, refreshToken, clientId)
  }
}
