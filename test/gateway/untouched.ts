/** For suites of bad input: what was asked must leave the database as it was, and the process well. */
import { join } from 'node:path'
import { expect } from 'vitest'
import { dump } from '../database.ts'
import type { Rig } from '../rig.ts'

const ERROR_LEVEL = 50

/** Every table as it is on disk; the gateway is started anew on it. */
const tables = async (gateway: Rig) => {
  await gateway.stop()
  const found = await dump(join(gateway.dataDir, 'latchkey.db'))
  await gateway.restart()
  return found
}

/** Fails unless the process answers and has logged no fault of its own. */
export const expectWell = async (gateway: Rig): Promise<void> => {
  const health = await fetch(`${gateway.adminUrl}/healthz`)
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
  expect(gateway.logged.filter(({ level }) => (level as number) >= ERROR_LEVEL)).toEqual([])
}

/** Runs what is given and fails if a row of any table is another one afterwards. */
export const expectUntouched = async (gateway: Rig, act: () => Promise<void>): Promise<void> => {
  const before = await tables(gateway)
  await act()
  await expectWell(gateway)
  expect(await tables(gateway)).toEqual(before)
}
