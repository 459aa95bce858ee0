/** Threats to keys and secrets, by the rows of docs/threats.md: what a stolen database is worth, and who can mint a token. */
import { createHash, createHmac } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { mint } from '../../src/auth/jwt.ts'
import { newCode, newRefreshSecret } from '../../src/auth/secrets.ts'
import type { GrantId } from '../../src/store/model.ts'
import { openDatabase, type Row } from '../database.ts'
import { authenticated, closeRigs, grantOf, type Rig, rig, session } from '../rig.ts'

afterEach(closeRigs)

const opens = async ({ url }: Rig, token: string): Promise<boolean> =>
  (await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${token}` } })).ok

test('B9: a token of another gateway opens nothing here, even if it has the same pepper', async () => {
  const here = await rig()
  await session(here.url)
  const there = await rig({}, (dataDir) => copyFileSync(join(here.dataDir, 'pepper'), join(dataDir, 'pepper')))
  const theirs = await session(there.url)
  expect(readFileSync(join(there.dataDir, 'pepper'))).toEqual(readFileSync(join(here.dataDir, 'pepper')))
  expect(await opens(there, theirs.access_token)).toBe(true)
  expect(await opens(here, theirs.access_token)).toBe(false)
})

test('B11: what is secret is random: no two are alike, and each byte is as likely as another', () => {
  const secrets = Array.from({ length: 50_000 }, () => [
    Buffer.from(newRefreshSecret().slice(6, 49), 'base64url'),
    Buffer.from(newCode(), 'hex'),
  ]).flat()
  expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(secrets.length)
  const counts = new Array<number>(256).fill(0)
  for (const secret of secrets) for (const byte of secret) counts[byte]!++
  const expected = (secrets.length * 32) / 256
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 255 degrees of freedom: beyond 400 by chance in less than one of 10^7 runs.
  expect(chiSquare).toBeLessThan(400)
})

test('B25: whoever has the database and not the pepper mints no token', { timeout: 60_000 }, async () => {
  const gateway = await rig()
  const { access_token } = await session(gateway.url)
  const socket = await authenticated(gateway.url, access_token)
  socket.send({ id: 1, type: 'auth/long_lived_access_token', client_name: 'a script', lifespan: 1 })
  await socket.next()
  socket.socket.close()
  // A clean end, so that everything stands in one file.
  const stolen = join(gateway.dataDir, 'stolen.db')
  await gateway.restart()
  const database = await openCopy(gateway, stolen)
  const rows = (table: string): Row[] => database.prepare(`select * from "${table}"`).all() as Row[]
  const tables = database.prepare("select name from sqlite_master where type = 'table'").all() as Row[]
  const values = tables.flatMap(({ name }) => rows(String(name)).flatMap((row) => Object.values(row)))
  const grants = rows('auth_grant').map(({ id }) => String(id))
  database.close()
  expect(grants).toContain(grantOf(access_token))

  const raw = values
    .filter((value) => value !== null)
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value))))
  const keys = new Map<string, Buffer>()
  for (const value of raw) {
    const spelt = [value, Buffer.from(value.toString('hex')), Buffer.from(value.toString('base64'))]
    const hashed = createHash('sha256').update(value).digest()
    const keyed = grants.map((grant) => createHmac('sha256', value).update(`access\0${grant}\0`).digest())
    for (const key of [...spelt, hashed, ...keyed]) keys.set(key.toString('hex'), key)
  }
  const iat = Math.floor(gateway.clock.now() / 1000)
  expect(keys.size).toBeGreaterThan(200)
  for (const iss of grants) {
    for (const key of keys.values()) {
      expect(await opens(gateway, mint({ iss: iss as GrantId, iat, exp: iat + 1800 }, key.toString('latin1')))).toBe(
        false,
      )
    }
  }
  expect(await opens(gateway, access_token)).toBe(true)
})

/** What somebody reads who copied the file and its write-ahead log. */
const openCopy = async ({ dataDir }: Rig, to: string) => {
  copyFileSync(join(dataDir, 'latchkey.db'), to)
  copyFileSync(join(dataDir, 'latchkey.db-wal'), `${to}-wal`)
  return openDatabase(to)
}
