/** How a driver runs one transaction of the store. */
import type { Db } from './log.ts'
import type { NewChange } from './model.ts'
import type { StoreCondition } from './store.ts'

/** Collects what the transaction changed; the driver writes it to the log as the last thing before the commit. */
export type Log = (change: NewChange) => void

export interface WriteOptions {
  /** It takes something back: on a full disk it may use the space that is kept for this. */
  readonly vital?: boolean
  /**
   * It outlives the process, and need not outlive a loss of power: whoever it is for only begins again. It does not wait for the
   * disk.
   */
  readonly passing?: boolean
}

/** How a driver runs one transaction. Both reject with `StoreUnavailable` where nothing is known to be kept. */
export interface Executor {
  read<T>(op: (db: Db) => Promise<T>): Promise<T>
  /** Resolves after the commit is on disk and applied here; `seq` is the log's last number as of this transaction. */
  write<T>(op: (db: Db, log: Log) => Promise<T>, options?: WriteOptions): Promise<{ value: T; seq: number }>
  readonly condition: StoreCondition
  /** Tries to have back what was given up on a full disk. */
  recover(): void
  close(): Promise<void>
}
