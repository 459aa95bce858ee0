/** Fills a database with users and grants by the thousand, as a bench of sizes begins. */
import type { Executor } from './executor.ts'
import type { Db } from './log.ts'
import type { RefreshToken, User } from './model.ts'
import { fromToken, fromUser } from './schema.ts'
import { lastPosition } from './users.ts'

/** Rows of one statement: each has up to 18 values, of which SQLite takes 32,766 and PostgreSQL 65,535. */
const ROWS = 200

const inPieces = async <T>(rows: readonly T[], insert: (piece: readonly T[]) => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < rows.length; i += ROWS) await insert(rows.slice(i, i + ROWS))
}

const insertUsers = async (db: Db, users: readonly User[]): Promise<void> => {
  let position = await lastPosition(db)
  const rows = users.map((user) => ({ ...fromUser(user), position: ++position }))
  await inPieces(rows, (piece) => db.insertInto('auth_user').values(piece).execute())
}

/**
 * Puts in users and their grants, all or none, in one transaction. Nothing is looked at, and the change log gets no row: for a
 * database that nobody else reads yet. Rejects with `StoreUnavailable`.
 */
export const fill = async (
  { write }: Executor,
  users: readonly User[],
  tokens: readonly RefreshToken[],
): Promise<void> => {
  await write(async (db) => {
    await insertUsers(db, users)
    await inPieces(tokens, (piece) => db.insertInto('auth_grant').values(piece.map(fromToken)).execute())
  })
}
