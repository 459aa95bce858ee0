/** The store's contract over SQLite. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { openDatabase } from '../database.ts'
import { storeContract } from './contract.ts'
import type { Driver } from './opened.ts'
import { token, user } from './records.ts'

const create = (): Driver => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-store-'))
  const file = join(folder, 'latchkey.db')
  return {
    open: () => openSqlite({ file, expect: null, pepperCheck: () => Buffer.alloc(32, 1), clock: systemClock }),
    breakLog: async (kind) => {
      const database = await openDatabase(file)
      database.exec(`create trigger no_${kind} before insert on auth_change when new.kind = '${kind}'
        begin select raise(abort, 'fault'); end`)
      database.close()
    },
    remove: async () => rmSync(folder, { recursive: true }),
  }
}

storeContract('SQLite', create)

test('the sessions of a group end, also where it has more members than a statement takes parameters', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-store-'))
  const file = join(folder, 'latchkey.db')
  const open = () => openSqlite({ file, expect: null, pepperCheck: () => Buffer.alloc(32), clock: systemClock })
  try {
    const first = await open()
    const member = user()
    await first.store.users.create(member)
    const grant = token(member)
    expect(await first.store.tokens.create(grant, null)).toBe('created')
    await first.store.close()
    const database = await openDatabase(file)
    database.exec(`insert into auth_user (id, name, is_owner, is_active, local_only, system_generated, groups, position)
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
      select 'user ' || i, name, 0, 1, 0, 0, groups, 1 + i from auth_user, n`)
    database.close()
    const { store } = await open()
    expect((await store.tokens.revokeMatching({ group: 'system-users' }, null)).grants).toEqual([grant.id])
    await store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('space that could not be had is asked for again at the next sweep', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-store-'))
  try {
    // In the way of the file that becomes the reserve.
    mkdirSync(join(folder, 'reserve.part', 'x'), { recursive: true })
    const file = join(folder, 'latchkey.db')
    const { store } = await openSqlite({ file, expect: null, pepperCheck: () => Buffer.alloc(32), clock: systemClock })
    expect(store.condition).toBe('full')
    await store.sweep(0)
    expect(store.condition).toBe('full')
    rmSync(join(folder, 'reserve.part'), { recursive: true })
    await store.sweep(0)
    expect(store.condition).toBe('ready')
    expect(statSync(join(folder, 'reserve'))).toMatchObject({ size: 8 * 1024 * 1024, mode: 0o100600 })
    await store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
