/** Worker threads that make load together, and what they measured in one. */
import { Worker } from 'node:worker_threads'
import { decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js'
import { BenchFailed } from '../failed.ts'
import { newHistogram } from './schedule.ts'
import type { Done, Order, Task, Work } from './worker.ts'

/** What an open loop came to. */
export interface Latencies {
  /** Microseconds. */
  readonly latency: Histogram
  readonly intended: number
  readonly ended: number
  readonly lost: number
}

export class Pool {
  readonly #workers: readonly Worker[]

  constructor(threads: number) {
    this.#workers = Array.from({ length: threads }, () => new Worker(new URL('./worker.js', import.meta.url)))
  }

  /** Gives each worker its part of the sockets. */
  async prepare(task: Task): Promise<void> {
    await Promise.all(
      this.#workers.map((worker, i) =>
        order(worker, { order: 'prepare', task: { ...task, work: part(task.work, i, this.#workers.length) } }),
      ),
    )
  }

  /** Operations in so many milliseconds, each after another's end, and the seconds that it really took. */
  async closed(ms: number): Promise<{ readonly count: number; readonly seconds: number }> {
    const begin = performance.now()
    const done = await this.#all({ order: 'closed', ms })
    return { count: done.reduce((sum, { count = 0 }) => sum + count, 0), seconds: (performance.now() - begin) / 1000 }
  }

  async open(perSecond: number, ms: number): Promise<Latencies> {
    const done = await this.#all({ order: 'open', perSecond: perSecond / this.#workers.length, ms })
    const latency = newHistogram()
    const sum = { intended: 0, ended: 0, lost: 0 }
    for (const { open } of done) {
      latency.add(decodeFromCompressedBase64(open!.latency))
      sum.intended += open!.intended
      sum.ended += open!.ended
      sum.lost += open!.lost
    }
    return { latency, ...sum }
  }

  /** When held sockets were told their end, in order: milliseconds of the monotonic clock. Resolves once all are gone. */
  async ends(): Promise<readonly number[]> {
    return (await this.#all({ order: 'ends' })).flatMap(({ instants = [] }) => instants).sort((a, b) => a - b)
  }

  /** Held sockets come back by themselves from now on. */
  async comeBack(): Promise<void> {
    await this.#all({ order: 'return' })
  }

  /** Resolves when all held sockets have ended and are in again, to the instants of that. */
  async returns(): Promise<readonly number[]> {
    return (await this.#all({ order: 'returns' })).flatMap(({ instants = [] }) => instants).sort((a, b) => a - b)
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #all(what: Order): Promise<readonly Extract<Done, { done: true }>[]> {
    return Promise.all(this.#workers.map((worker) => order(worker, what)))
  }
}

const order = (worker: Worker, what: Order): Promise<Extract<Done, { done: true }>> =>
  new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      worker.off('message', answered)
      worker.off('error', fell)
      act()
    }
    const answered = (done: Done): void =>
      settle(() => ('failed' in done ? reject(new BenchFailed(done.failed)) : resolve(done)))
    const fell = (error: Error): void => settle(() => reject(error))
    worker.on('message', answered)
    worker.on('error', fell)
    worker.postMessage(what)
  })

const share = (count: number, i: number, of: number): number => Math.floor(count / of) + (i < count % of ? 1 : 0)

/** Tokens that are shown once must not be shown by two. */
const part = (work: Work, i: number, of: number): Work => {
  const tokens = work.tokens.filter((_, at) => work.tokens.length < of || at % of === i)
  if (work.kind === 'connect') return { ...work, tokens, parallel: Math.max(1, share(work.parallel, i, of)) }
  return { ...work, tokens, sockets: share(work.sockets, i, of) }
}
