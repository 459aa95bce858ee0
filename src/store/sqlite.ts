/**
 * The SQLite driver: one process owns the file. Calls of one turn share a transaction and one fsync (group commit), and
 * a change is applied in the turn of its commit.
 */
import { randomUUID, timingSafeEqual } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Kysely, Migrator, SqliteAdapter, SqliteDialect } from 'kysely'
import type { Clock } from '../clock.ts'
import { ChangeFeed } from './changes.ts'
import { fill } from './fill.ts'
import { readHead } from './log.ts'
import { migrations, sqliteTypes } from './migrations.ts'
import type { RefreshToken, User } from './model.ts'
import { createReserve } from './reserve.ts'
import type { Tables } from './schema.ts'
import { sqlStore } from './sql.ts'
import { resultCode, SqliteExecutor } from './sqlite-executor.ts'
import { type Store, StoreRefused } from './store.ts'

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const BUSY = 5
const CORRUPT = 11
const NOTADB = 26

/** Node 22 brings SQLite along; on Node 20 the same interface comes from a package. */
const openDatabase = async (file: string): Promise<DatabaseSync> => {
  const { DatabaseSync } = await quietly(() => import('node:sqlite')).catch(
    async () => (await import('@photostructure/sqlite')) as unknown as typeof import('node:sqlite'),
  )
  return new DatabaseSync(file)
}

/** Some versions of Node warn that this module is experimental; an operator can do nothing about that. */
const quietly = async <T>(load: () => Promise<T>): Promise<T> => {
  const { emitWarning } = process
  process.emitWarning = ((warning: string, kind?: string) => {
    if (kind !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, [warning, kind])
  }) as typeof emitWarning
  try {
    return await load()
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Kysely's SQLite dialect over `DatabaseSync`, with statements prepared once. */
const dialectOf = (database: DatabaseSync): SqliteDialect => {
  const statements = new Map<
    string,
    { reader: boolean; all(p: readonly unknown[]): unknown[]; run(p: readonly unknown[]): never }
  >()
  const dialect = new SqliteDialect({
    database: {
      close: () => undefined,
      prepare: (text: string) => {
        let statement = statements.get(text)
        if (statement === undefined) {
          const prepared: StatementSync = database.prepare(text)
          statement = {
            reader: prepared.columns().length > 0,
            all: (parameters) => prepared.all(...(parameters as [])),
            run: (parameters) => prepared.run(...(parameters as [])) as never,
          }
          statements.set(text, statement)
        }
        return statement as never
      },
    },
  })
  // SQLite can change its schema inside a transaction; Kysely's adapter does not say so, and would migrate without one.
  dialect.createAdapter = () =>
    Object.defineProperty(new SqliteAdapter(), 'supportsTransactionalDdl', { value: true }) as SqliteAdapter
  return dialect
}

export interface SqliteOptions {
  /** A path, or `:memory:`. */
  readonly file: string
  /** The log id that the marker beside the database names; null on a first run. */
  readonly expect: string | null
  /** A MAC of the log id under the pepper: a database and a pepper that do not belong together are refused. */
  readonly pepperCheck: (logId: string) => Uint8Array
  readonly clock: Clock
}

export interface OpenedStore {
  /** Writes a consistent copy of the database to a new file, without its write-ahead log. */
  readonly copy: (file: string) => Promise<void>
  /** Puts in users with grants by the thousand, unseen and unlogged (`fill.ts`). */
  readonly fill: (users: readonly User[], tokens: readonly RefreshToken[]) => Promise<void>
  readonly store: Store
  readonly feed: ChangeFeed
  readonly logId: string
}

const refusal = (file: string, error: unknown): unknown => {
  switch (resultCode(error)) {
    case BUSY:
      return new StoreRefused(`${file} is in use by another process; stop that one first, or choose another --data-dir`)
    case CORRUPT:
    case NOTADB:
      return new StoreRefused(`${file} is damaged or is no SQLite database; put a backup in its place`)
    default:
      return error
  }
}

/** Opens, checks and migrates. Rejects with `StoreRefused` and one line for the operator where the file is not to be used. */
export const openSqlite = async (options: SqliteOptions): Promise<OpenedStore> => {
  const { file } = options
  const database = await openDatabase(file)
  try {
    return await prepare(database, options)
  } catch (error) {
    database.close()
    throw refusal(file, error)
  }
}

const prepare = async (database: DatabaseSync, options: SqliteOptions): Promise<OpenedStore> => {
  const { file, expect, pepperCheck, clock } = options
  // Exclusive first: WAL then needs no shared memory, and a second process is refused instead of served. The lock is taken
  // now and not at the first write; until the file is known to be ours nothing is written to it.
  database.exec('pragma locking_mode = exclusive')
  database.exec('begin exclusive; commit')
  const check = database.prepare('pragma quick_check(1)').get() as { quick_check: string }
  if (check.quick_check !== 'ok') {
    // SQLite says it in several lines, the last of which is the finding.
    const finding = check.quick_check.split('\n').at(-1)
    throw new StoreRefused(`${file} is damaged (${finding}); put a backup in its place`)
  }
  const known = database.prepare("select 1 from sqlite_master where name = 'auth_head'").get() !== undefined
  if (expect !== null && !known) {
    throw new StoreRefused(
      `${file} holds no gateway, but the marker beside it says that one was here; put a backup in its place`,
    )
  }
  database.exec('pragma journal_mode = wal')
  database.exec('pragma synchronous = full')
  database.exec('pragma foreign_keys = on')
  const db = new Kysely<Tables>({ dialect: dialectOf(database) })
  await migrate(db, file)
  const logId = await identify(db, options)
  if (expect !== null && expect !== logId) {
    throw new StoreRefused(`${file} is another database than the one the marker beside it names`)
  }
  const head = await db.selectFrom('auth_head').select('pepper_check').executeTakeFirstOrThrow()
  const wanted = pepperCheck(logId)
  if (head.pepper_check.length !== wanted.length || !timingSafeEqual(head.pepper_check, wanted)) {
    throw new StoreRefused(`the pepper file does not belong to ${file}; put the pepper back that was used with it`)
  }
  const feed = new ChangeFeed(await readHead(db))
  const reserve = createReserve(file === ':memory:' ? null : join(dirname(file), 'reserve'))
  reserve.take()
  const executor = new SqliteExecutor(database, db, feed, clock, reserve)
  return {
    store: sqlStore('sqlite', executor, clock),
    feed,
    logId,
    copy: (file) => executor.copy(file),
    fill: (users, tokens) => fill(executor, users, tokens),
  }
}

const migrate = async (db: Kysely<Tables>, file: string): Promise<void> => {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations(sqliteTypes) } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  if (error instanceof Error && /missing|corrupted/.test(error.message)) {
    throw new StoreRefused(`${file} was written by a newer Latchkey than this one; start that one instead`)
  }
  throw error
}

/** The id of the database's change log; made at the first start, in one transaction with the log's first row. */
const identify = async (db: Kysely<Tables>, { pepperCheck, clock }: SqliteOptions): Promise<string> => {
  const found = await db.selectFrom('auth_head').select('log_id').executeTakeFirst()
  if (found !== undefined) return found.log_id
  const logId = randomUUID()
  await db.transaction().execute(async (tx) => {
    await tx
      .insertInto('auth_head')
      .values({ one: 1, log_id: logId, pepper_check: pepperCheck(logId), seq: 0 })
      .execute()
    await tx
      .insertInto('auth_change')
      .values({ seq: 0, mark: '0000000000000000', kind: 'begin', subject: '', data: '{}', at: clock.now() })
      .execute()
  })
  return logId
}
