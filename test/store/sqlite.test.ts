/** The store's contract over SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { openDatabase } from '../database.ts'
import { type Driver, storeContract } from './contract.ts'
import { groupContract } from './group-contract.ts'

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
groupContract('SQLite', create)
