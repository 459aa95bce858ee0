/** What a scenario is: it starts what it needs, measures, and tells what it found. */
import { Pool } from './load/pool.ts'
import type { Task, Work } from './load/worker.ts'
import type { Line, Spread } from './measure.ts'
import type { Inside, Target } from './target.ts'
import { type BareLibrary, bareAnswers, PONG, startBare } from './targets/bare.ts'
import type { BareAnswers } from './targets/bare-server.ts'
import { type Latchkey, type LatchkeyOptions, startLatchkey } from './targets/latchkey.ts'

export interface BenchOptions {
  readonly transports: readonly ('uws' | 'ws')[]
  readonly rounds: number
  readonly sliceMs: number
  /** Seconds of an open loop. */
  readonly openSeconds: number
  /** Sockets of `idle`, `storm` and `revoke`. */
  readonly sockets: { readonly idle: number; readonly storm: number; readonly revoke: number }
  /** Grants in the database, one after the other, for `scale`. */
  readonly grants: readonly number[]
  /** `same`: server and load on one core. `split`: on different ones. `free`: nothing is pinned. */
  readonly cores: 'same' | 'split' | 'free'
}

export interface LatencyRow {
  readonly name: string
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly count: number
  readonly lost: number
  /** Percentile and microseconds, for a curve. */
  readonly curve: readonly (readonly [number, number])[]
}

export interface Figure {
  readonly name: string
  readonly value: Spread
  readonly unit: string
}

export type Finding =
  | { readonly kind: 'ratios'; readonly title: string; readonly lines: readonly Line[] }
  | { readonly kind: 'latency'; readonly title: string; readonly rows: readonly LatencyRow[] }
  | { readonly kind: 'figures'; readonly title: string; readonly figures: readonly Figure[] }
  | { readonly kind: 'note'; readonly title: string }

export interface Scenario {
  readonly name: string
  /** One line for the help. */
  readonly doc: string
  run(bench: Bench): Promise<readonly Finding[]>
}

/** Loopback addresses that load comes from: limits are by address, and stay as they are. */
const ADDRESSES = 100

/** What a scenario works with. What it starts is ended after it, whatever happens. */
export class Bench {
  readonly options: BenchOptions
  readonly inside: Inside
  /** Targets from elsewhere, which every scenario that can takes in. */
  readonly others: readonly Target[]
  readonly #progress: (what: string) => void
  readonly #closers: (() => Promise<void>)[] = []

  /** `progress` is called with what is done next. */
  constructor(options: BenchOptions, inside: Inside, others: readonly Target[], progress: (what: string) => void) {
    this.options = options
    this.inside = inside
    this.others = others
    this.#progress = progress
  }

  get serverCore(): string | null {
    return this.options.cores === 'free' ? null : '0'
  }

  step(what: string): void {
    this.#progress(what)
  }

  async latchkey(options: Partial<LatchkeyOptions> & Pick<LatchkeyOptions, 'transport'>): Promise<Latchkey> {
    this.step(`starting latchkey (${options.transport})`)
    const all = { grants: 200, used: 200, core: this.serverCore, ...options }
    return this.#kept(await startLatchkey(this.inside, all))
  }

  /** A baseline; null where its library cannot be loaded here. `answers`: beside what every gateway says. */
  async bare(library: BareLibrary, answers: Partial<BareAnswers> = {}): Promise<Target | null> {
    try {
      return this.#kept(await startBare(library, { ...bareAnswers(PONG), ...answers }, this.serverCore))
    } catch {
      return null
    }
  }

  /** Load on a target, ready. */
  async load(target: Target, work: Work, threads = this.options.cores === 'same' ? 1 : 2): Promise<Pool> {
    const pool = this.pool(threads)
    await this.prepare(pool, target, work)
    return pool
  }

  pool(threads: number): Pool {
    const pool = new Pool(threads)
    this.#closers.push(() => pool.close())
    return pool
  }

  /** Gives a pool load on a target; what it had before is left as it is. */
  async prepare(pool: Pool, target: Target, work: Work): Promise<void> {
    const { hostname } = new URL(target.url)
    const isLoopback = hostname === '127.0.0.1'
    const addresses = isLoopback ? Array.from({ length: ADDRESSES }, (_, i) => `127.0.0.${2 + i}`) : []
    if (target.dialect === null) throw new TypeError(`${target.name} has no sockets`)
    const task: Task = { url: target.url, dialect: target.dialect, addresses, work }
    await pool.prepare(task)
  }

  /** Ends everything that was started. */
  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  #kept<T extends Target>(target: T): T {
    this.#closers.push(() => target.stop())
    return target
  }
}
