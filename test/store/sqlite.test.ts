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
