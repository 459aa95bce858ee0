/** The change log's own rows: written last in a transaction, so that the one hot row is locked for the shortest time. */
import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Change, Head, NewChange } from './model.ts'
import { type Tables, toChange } from './schema.ts'

export type Db = Kysely<Tables>

/** Numbers and marks the changes of one transaction. Numbers have no hole and are in the order of commits. */
export const append = async (db: Db, changes: readonly NewChange[], at: number): Promise<Change[]> => {
  const { seq: last } = await db
    .updateTable('auth_head')
    .set((eb) => ({ seq: eb('seq', '+', changes.length) }))
    .where('one', '=', 1)
    .returning('seq')
    .executeTakeFirstOrThrow()
  const rows: Change[] = changes.map((change, i) => ({
    ...change,
    seq: last - changes.length + 1 + i,
    mark: randomBytes(8).toString('hex'),
    at,
  }))
  for (const row of rows) {
    await db
      .insertInto('auth_change')
      .values({ ...row, data: JSON.stringify(row.data) })
      .execute()
  }
  return rows
}

/** Selects the newest row's place. */
export const selectHead = (db: Db) =>
  db.selectFrom('auth_change').select(['seq', 'mark']).orderBy('seq', 'desc').limit(1)

export const readHead = (db: Db): Promise<Head> => selectHead(db).executeTakeFirstOrThrow()

export const readChanges = async (db: Db, from: number, limit: number): Promise<Change[]> => {
  const rows = await db
    .selectFrom('auth_change')
    .selectAll()
    .where('seq', '>=', from)
    .orderBy('seq')
    .limit(limit)
    .execute()
  return rows.map(toChange)
}
