/** A worker thread that makes load. It is told what to do, and answers each order once. */
import { parentPort } from 'node:worker_threads'
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import { BenchFailed } from '../failed.ts'
import { monotonicMs } from './clock.ts'
import { type DialectName, dialects } from './dialects.ts'
import { textFrame } from './frames.ts'
import { AskLoad, ConnectLoad, type Load, type Question, type Shown } from './loads.ts'
import { openLoop } from './schedule.ts'
import { type Aim, aimAt, LoadSocket } from './socket.ts'

/** What load to make. */
export type Work =
  | {
      readonly kind: 'connect'
      readonly tokens: readonly string[]
      readonly shown: Shown
      readonly parallel: number
    }
  | {
      readonly kind: 'ask'
      readonly question: Question
      readonly tokens: readonly string[]
      readonly refreshTokens?: readonly string[]
      readonly clientId?: string
      readonly sockets: number
      readonly depth: number
    }
  | { readonly kind: 'hold'; readonly tokens: readonly string[]; readonly sockets: number }

export interface Task {
  readonly url: string
  readonly dialect: DialectName
  readonly addresses: readonly string[]
  readonly work: Work
}

export type Order =
  | { readonly order: 'prepare'; readonly task: Task }
  | { readonly order: 'closed'; readonly ms: number }
  | { readonly order: 'open'; readonly perSecond: number; readonly ms: number }
  /** When held sockets were told their end: milliseconds of the machine's monotonic clock; answered once all are gone. */
  | { readonly order: 'ends' }
  /** Held sockets come back by themselves from now on. */
  | { readonly order: 'return' }
  /** When each of those that ended was in again; answered once all are. */
  | { readonly order: 'returns' }
  | { readonly order: 'close' }

export type Done =
  | { readonly done: true; readonly count?: number; readonly open?: OpenDone; readonly instants?: readonly number[] }
  | { readonly failed: string }

export interface OpenDone {
  /** Base64 of a compressed histogram, in microseconds. */
  readonly latency: string
  readonly intended: number
  readonly ended: number
  readonly lost: number
}

/** Sockets that are only there. */
class Held {
  readonly #aim: Aim
  readonly #frames: readonly Buffer[]
  readonly #count: number
  readonly #sockets = new Set<LoadSocket>()
  readonly #ends: number[] = []
  #ended: () => void = () => undefined
  #comesBack = false
  readonly #returns: number[] = []
  #allIn: () => void = () => undefined

  constructor(aim: Aim, tokens: readonly string[], count: number) {
    this.#aim = aim
    this.#count = count
    this.#frames = tokens.map((token) => textFrame(aim.dialect.auth(token)))
  }

  async prepare(): Promise<void> {
    for (let i = 0; i < this.#count; i += AT_ONCE) {
      const some = Math.min(AT_ONCE, this.#count - i)
      await Promise.all(Array.from({ length: some }, (_, j) => this.#open(i + j)))
    }
  }

  async #open(i: number): Promise<void> {
    const socket = await LoadSocket.open(this.#aim, this.#frames[i % this.#frames.length]!)
    this.#sockets.add(socket)
    // A thousand clients on machines of their own would not keep each other, nor the server, from what is measured.
    socket.answersAfter = ANSWERS_AFTER_MS
    let told = false
    // The close frame tells it; what follows is the end of the connection, which this side has its part in.
    socket.onClosing = () => {
      told = true
      this.#ends.push(monotonicMs())
    }
    socket.onEnd = () => {
      this.#sockets.delete(socket)
      if (!told) socket.onClosing()
      this.#ended()
      if (this.#comesBack) this.#comeBack(i)
    }
  }

  /** Tries until it is in: at once, then after a random time up to a bound that doubles. */
  #comeBack(i: number, failures = 0): void {
    const wait = failures === 0 ? 0 : Math.random() * Math.min(1000, 50 * 2 ** failures)
    setTimeout(() => {
      this.#open(i).then(
        () => {
          this.#returns.push(monotonicMs())
          if (this.#sockets.size === this.#count) this.#allIn()
        },
        () => this.#comeBack(i, failures + 1),
      )
    }, wait)
  }

  comeBack(): void {
    this.#comesBack = true
  }

  returns(): Promise<readonly number[]> {
    return new Promise((resolve) => {
      this.#allIn = () => resolve(this.#returns)
      if (this.#returns.length >= this.#count && this.#sockets.size === this.#count) this.#allIn()
    })
  }

  /** Resolves once all were told and are gone. Rejects if not all have ended after ten seconds. */
  ends(): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(
        () => reject(new BenchFailed(`only ${this.#ends.length} of ${this.#count} sockets were closed`)),
        ENDS_WITHIN_MS,
      )
      this.#ended = () => {
        if (this.#ends.length < this.#count || this.#sockets.size > 0) return
        clearTimeout(limit)
        resolve(this.#ends)
      }
      this.#ended()
    })
  }

  close(): void {
    this.#comesBack = false
    for (const socket of this.#sockets) {
      socket.onEnd = () => undefined
      socket.destroy()
    }
    this.#sockets.clear()
  }
}

const AT_ONCE = 50
const ANSWERS_AFTER_MS = 500
const ENDS_WITHIN_MS = 10_000

let load: Load | null = null
let held: Held | null = null

const prepare = async ({ url, dialect, addresses, work }: Task): Promise<Done> => {
  const aim = aimAt(url, dialects[dialect], addresses)
  if (work.kind === 'hold') {
    held = new Held(aim, work.tokens, work.sockets)
    await held.prepare()
    return { done: true, count: work.sockets }
  }
  load =
    work.kind === 'connect'
      ? new ConnectLoad(aim, work.tokens, work.shown, work.parallel)
      : new AskLoad(aim, work, work.question, work.sockets, work.depth)
  await load.prepare()
  return { done: true }
}

const obey = async (order: Order): Promise<Done> => {
  switch (order.order) {
    case 'prepare':
      return prepare(order.task)
    case 'closed':
      return { done: true, count: await load!.closed(order.ms) }
    case 'open': {
      const { latency, ...counts } = await openLoop(load!, order.perSecond, order.ms)
      return { done: true, open: { latency: encodeIntoCompressedBase64(latency), ...counts } }
    }
    case 'ends':
      return { done: true, instants: await held!.ends() }
    case 'return':
      held!.comeBack()
      return { done: true }
    case 'returns':
      return { done: true, instants: await held!.returns() }
    case 'close':
      load?.close()
      held?.close()
      return { done: true }
  }
}

parentPort?.on('message', (order: Order) => {
  obey(order).then(
    (done) => parentPort!.postMessage(done),
    (error: unknown) => parentPort!.postMessage({ failed: error instanceof Error ? error.message : String(error) }),
  )
})
