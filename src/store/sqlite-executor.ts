/**
 * How SQLite runs the store's transactions: calls of one turn share one and its fsync (group commit), and a change is applied
 * in the turn of its commit.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../clock.ts'
import type { ChangeFeed } from './changes.ts'
import type { Executor, Log, WriteOptions } from './executor.ts'
import { append, type Db } from './log.ts'
import type { Change, NewChange } from './model.ts'
import type { Reserve } from './reserve.ts'
import { type StoreCondition, StoreUnavailable } from './store.ts'

/** More calls than this wait for the next turn, so that a crowd of writers leaves the sockets their time. */
const MAX_BATCH = 64
/** So many transactions in a row that could not be committed are no accident any more. */
const FAILING_AT = 3

/** Primary result code for a disk that takes no more (sqlite.org/rescode.html). */
const FULL = 13

/** SQLite's primary result code; null for an error of another kind. */
export const resultCode = (error: unknown): number | null => {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : null
}

interface Call {
  readonly kind: 'read' | 'passing' | 'write' | 'vital'
  readonly run: (db: Db, log: Log) => Promise<unknown>
  readonly resolve: (outcome: { value: unknown; seq: number }) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly value: unknown; readonly seq: number } | { readonly error: unknown }

export class SqliteExecutor implements Executor {
  readonly #database: DatabaseSync
  readonly #db: Db
  readonly #clock: Clock
  readonly #feed: ChangeFeed
  readonly #reserve: Reserve
  #queue: Call[] = []
  #turn: Promise<void> | null = null
  #closed = false
  /** In the transaction that runs: the disk took no more. */
  #full = false
  #failed = 0
  /** As the database was opened. */
  #synchronous: 'normal' | 'full' = 'full'

  constructor(database: DatabaseSync, db: Db, feed: ChangeFeed, clock: Clock, reserve: Reserve) {
    this.#database = database
    this.#db = db
    this.#feed = feed
    this.#clock = clock
    this.#reserve = reserve
  }

  get condition(): StoreCondition {
    if (this.#failed >= FAILING_AT) return 'failing'
    return this.#reserve.held ? 'ready' : 'full'
  }

  // Arrow functions: the store takes them apart from the object.
  readonly read = async <T>(op: (db: Db) => Promise<T>): Promise<T> => {
    const { value } = await this.#enqueue<T>('read', op)
    return value
  }

  readonly write = <T>(
    op: (db: Db, log: Log) => Promise<T>,
    { vital = false, passing = false }: WriteOptions = {},
  ): Promise<{ value: T; seq: number }> => this.#enqueue<T>(vital ? 'vital' : passing ? 'passing' : 'write', op)

  recover(): void {
    this.#reserve.take()
  }

  /** Between two transactions: what was acknowledged is in it, and nothing half. */
  async copy(file: string): Promise<void> {
    await this.#turn
    try {
      this.#database.prepare('vacuum into ?').run(file)
    } catch (cause) {
      throw new StoreUnavailable(`${file} could not be written`, { cause })
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#turn
    // On Node 20 the package's close leaves the connection, and so its lock, to the garbage collector as long as
    // prepared statements are about: the lock is given back first, for which the write-ahead log is folded in.
    this.#database.exec(
      'pragma journal_mode = delete; pragma locking_mode = normal; select 1 from sqlite_master limit 1',
    )
    this.#database.close()
  }

  #enqueue<T>(kind: Call['kind'], run: Call['run']): Promise<{ value: T; seq: number }> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreUnavailable('the store is closed'))
        return
      }
      this.#queue.push({ kind, run, resolve: resolve as Call['resolve'], reject })
      this.#turn ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      // Everything that this turn's events ask for joins the batch.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const batch = this.#queue.slice(0, MAX_BATCH)
      this.#queue = this.#queue.slice(MAX_BATCH)
      await this.#commit(batch)
    }
    this.#turn = null
  }

  /** On a full disk what must not fail is tried once more, on the space that was kept for it. */
  async #commit(batch: readonly Call[]): Promise<void> {
    const left = await this.#attempt(batch, true)
    if (left.length > 0) await this.#attempt(left, false)
  }

  /**
   * Runs calls in one transaction; resolves to those that are to be tried again. The driver is synchronous: the awaits in
   * here are microtasks, and the event loop does not turn before the commit.
   */
  async #attempt(batch: readonly Call[], mayRelease: boolean): Promise<readonly Call[]> {
    const outcomes: Outcome[] = []
    const committed: Change[] = []
    this.#full = false
    const writes = batch.some(({ kind }) => kind !== 'read')
    try {
      if (writes) this.#sync(batch.every(({ kind }) => kind === 'read' || kind === 'passing') ? 'normal' : 'full')
      this.#database.exec(writes ? 'begin immediate' : 'begin')
      for (const call of batch) outcomes.push(await this.#runOne(call, committed))
      this.#database.exec('commit')
      if (writes) this.#failed = 0
    } catch (cause) {
      this.#rollBack()
      this.#failed++
      this.#full ||= resultCode(cause) === FULL
      const error = new StoreUnavailable('the transaction could not be committed', { cause })
      return this.#settle(
        batch,
        batch.map(() => ({ error })),
        mayRelease,
      )
    }
    this.#feed.apply(committed)
    return this.#settle(batch, outcomes, mayRelease)
  }

  /** With `normal` a commit is left to the system to write; the next with `full` waits for it as well (sqlite.org/pragma.html). */
  #sync(mode: 'normal' | 'full'): void {
    if (mode === this.#synchronous) return
    this.#database.exec(`pragma synchronous = ${mode}`)
    this.#synchronous = mode
  }

  #settle(batch: readonly Call[], outcomes: readonly Outcome[], mayRelease: boolean): readonly Call[] {
    const again: Call[] = []
    for (const [i, call] of batch.entries()) {
      const outcome = outcomes[i]!
      if (!('error' in outcome)) call.resolve(outcome)
      else if (mayRelease && this.#full && call.kind === 'vital') again.push(call)
      else call.reject(outcome.error)
    }
    if (again.length === 0 || this.#reserve.release()) return again
    for (const call of again) call.reject(new StoreUnavailable('the disk is full'))
    return []
  }

  /** One call in a savepoint of its own, so that its failure is not its neighbours'. */
  async #runOne(call: Call, committed: Change[]): Promise<Outcome> {
    const writes = call.kind !== 'read'
    if (writes) this.#database.exec('savepoint one')
    try {
      const changes: NewChange[] = []
      const value = await call.run(this.#db, (change) => changes.push(change))
      const rows = changes.length === 0 ? [] : await append(this.#db, changes, this.#clock.now())
      if (writes) this.#database.exec('release one')
      committed.push(...rows)
      return { value, seq: committed.at(-1)?.seq ?? this.#feed.head.seq }
    } catch (error) {
      this.#full ||= resultCode(error) === FULL
      // Where SQLite has already rolled everything back (full disk), this throws too, and the whole batch fails.
      if (writes) this.#database.exec('rollback to one; release one')
      return {
        error: resultCode(error) === null ? error : new StoreUnavailable('a statement failed', { cause: error }),
      }
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('rollback')
    } catch {
      // Nothing was open any more.
    }
  }
}
