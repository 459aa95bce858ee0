/** Looks into a database that no process holds: what stands in it, is it whole, and does it say what its change log says. */
import { expect } from 'vitest'

export interface Row {
  readonly [column: string]: unknown
}

/** Opens a database past the store. */
export const openDatabase = async (file: string, options: { readonly readOnly?: boolean } = {}) => {
  const { DatabaseSync } = await import('node:sqlite').catch(
    async () => (await import('@photostructure/sqlite')) as unknown as typeof import('node:sqlite'),
  )
  return new DatabaseSync(file, options)
}

/** The ids that were added and not removed since, by the log. */
const standing = (changes: readonly Row[], added: string, removed: string): string[] => {
  const ids = new Set<unknown>()
  for (const { kind, subject } of changes) {
    if (kind === added) ids.add(subject)
    else if (kind === removed) ids.delete(subject)
  }
  return ([...ids] as string[]).sort()
}

/** Fails unless the file is intact, the log has no hole, and users and grants are those that the log tells of. */
export const expectWhole = async (file: string): Promise<void> => {
  const database = await openDatabase(file, { readOnly: true })
  const rows = (sql: string): Row[] => database.prepare(sql).all() as Row[]
  const ids = (sql: string): unknown[] => rows(sql).map(({ id }) => id)
  try {
    expect(rows('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
    expect(rows('pragma foreign_key_check')).toEqual([])
    const changes = rows('select seq, mark, kind, subject from auth_change order by seq')
    expect(changes.map(({ seq }) => seq)).toEqual(changes.map((_, i) => i))
    expect(rows('select seq from auth_head')).toEqual([{ seq: changes.length - 1 }])
    expect(ids('select id from auth_grant order by id')).toEqual(standing(changes, 'grant_added', 'grant_revoked'))
    expect(ids('select id from auth_user order by id')).toEqual(standing(changes, 'user_added', 'user_removed'))
  } finally {
    database.close()
  }
}

/** Every row of every table, in the order of the tables' keys. */
export const dump = async (file: string): Promise<Record<string, readonly Row[]>> => {
  const database = await openDatabase(file, { readOnly: true })
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table' order by name").all() as Row[]
    const rows = (name: unknown) => database.prepare(`select * from "${name}" order by 1`).all() as Row[]
    return Object.fromEntries(tables.map(({ name }) => [name, rows(name)]))
  } finally {
    database.close()
  }
}
