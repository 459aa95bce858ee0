/** Which commits wait for the disk. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { ChangeFeed } from '../../src/store/changes.ts'
import type { WriteOptions } from '../../src/store/executor.ts'
import type { Db } from '../../src/store/log.ts'
import { flowStore } from '../../src/store/logins.ts'
import { createReserve } from '../../src/store/reserve.ts'
import { SqliteExecutor } from '../../src/store/sqlite-executor.ts'
import { openDatabase } from '../database.ts'
import { CAPS, flow, NOW } from './records.ts'

/** An executor, and in what mode each of its transactions with writes was committed. */
const create = async () => {
  const database = await openDatabase(':memory:')
  database.exec('pragma synchronous = full')
  const modes: unknown[] = []
  const watched = {
    exec: (sql: string) => {
      // SQLite's own word: 1 for normal, 2 for full.
      if (sql === 'begin immediate') modes.push(database.prepare('pragma synchronous').get()!['synchronous'])
      database.exec(sql)
    },
  }
  const feed = new ChangeFeed({ seq: 0, mark: new Uint8Array() } as unknown as ChangeFeed['head'])
  const executor = new SqliteExecutor(
    watched as unknown as typeof database,
    null as unknown as Db,
    feed,
    systemClock,
    createReserve(null),
  )
  const write = (options?: WriteOptions) => executor.write(async () => undefined, options)
  return { executor, modes, write }
}

const [NORMAL, FULL] = [1, 2]

test('a transaction waits for the disk, unless all that it writes is passing', async () => {
  const { executor, modes, write } = await create()
  const passing = { passing: true }
  await write()
  await write(passing)
  await Promise.all([write(passing), executor.read(async () => undefined), write(passing)])
  await Promise.all([write(passing), write()])
  await write(passing)
  await Promise.all([write({ vital: true }), write(passing)])
  await write(passing)
  await write()
  expect(modes).toEqual([FULL, NORMAL, NORMAL, FULL, NORMAL, FULL, NORMAL, FULL])
})

test('of a login nothing but its beginning is passing', async () => {
  const asked: (WriteOptions | undefined)[] = []
  const { executor } = await create()
  const flows = flowStore({
    read: executor.read,
    write: async <T>(_: unknown, options?: WriteOptions) => {
      asked.push(options)
      return { value: { numUpdatedRows: 1n, numDeletedRows: 1n } as T, seq: 0 }
    },
    condition: 'ready',
    recover: () => undefined,
    close: async () => undefined,
  })
  const begun = flow()
  await flows.put(begun, CAPS, NOW)
  await flows.replace(begun)
  await flows.finish(begun, null)
  await flows.remove(begun.id)
  expect(asked).toEqual([{ passing: true }, undefined, undefined, undefined])
})
