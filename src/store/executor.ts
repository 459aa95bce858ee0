/** How a driver runs one transaction of the store. */
import type { Db } from './log.ts'
import type { NewChange } from './model.ts'

/** Collects what the transaction changed; the driver writes it to the log as the last thing before the commit. */
export type Log = (change: NewChange) => void

/** How a driver runs one transaction. Both reject with `StoreUnavailable` where nothing is known to be kept. */
export interface Executor {
  read<T>(op: (db: Db) => Promise<T>): Promise<T>
  /** Resolves after the commit is on disk and applied here; `seq` is the log's last number as of this transaction. */
  write<T>(op: (db: Db, log: Log) => Promise<T>): Promise<{ value: T; seq: number }>
  close(): Promise<void>
}
