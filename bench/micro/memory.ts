/** What a grant takes in memory: the heap after everything that is not held was collected, with many grants and without. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mint } from '../../src/auth/jwt.ts'
import { deriveKeys, newId } from '../../src/auth/secrets.ts'
import { Verifier } from '../../src/auth/verifier.ts'
import { systemClock } from '../../src/clock.ts'
import type { GrantId, RefreshToken, User, UserId } from '../../src/store/model.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

/** Before anything is measured: what there is once is there then. */
const WARM = 1000
/** Asked for at a time, as they come from many sockets. */
const AT_ONCE = 20

export interface GrantMemory {
  /** Bytes of a grant that was read. */
  readonly grant: number
  /** Bytes of an access token that was verified, beside those of its grant. */
  readonly token: number
}

const newUser = (): User => ({
  id: newId<UserId>(),
  name: 'Ann',
  isOwner: false,
  isActive: true,
  localOnly: false,
  systemGenerated: false,
  groups: ['system-users'],
})

const newToken = (user: User): RefreshToken => ({
  id: newId<GrantId>(),
  userId: user.id,
  credentialId: null,
  type: 'normal',
  clientId: 'https://app.example.com/',
  clientName: null,
  clientIcon: null,
  secretHash: randomBytes(32),
  rotation: null,
  salt: randomBytes(16),
  codeHash: null,
  accessTokenSeconds: 1800,
  createdAt: 0,
  expireAt: null,
  lastUsedAt: null,
  lastUsedIp: null,
})

const heapBytes = (): number => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // The first collection lets finalizers run, whose objects the next one takes.
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Each of a user of its own. */
export const grantMemory = async (grants: number): Promise<GrantMemory> => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-micro-'))
  const keys = deriveKeys(randomBytes(32))
  const file = join(folder, 'latchkey.db')
  const opened = await openSqlite({ file, expect: null, pepperCheck: keys.pepperCheck, clock: systemClock })
  const users = Array.from({ length: WARM + grants }, newUser)
  const ids: GrantId[] = []
  {
    const tokens = users.map(newToken)
    await opened.fill(users, tokens)
    ids.push(...tokens.map(({ id }) => id))
  }
  users.length = 0
  const verifier = new Verifier(opened.store.tokens, opened.feed, keys, systemClock)
  const iat = Math.floor(systemClock.now() / 1000)
  const read = (id: GrantId): Promise<void> => verifier.stand(id, () => undefined)
  const show = async (id: GrantId): Promise<void> => {
    let token = ''
    await verifier.stand(id, (_, key) => {
      token = mint({ iss: id, iat, exp: iat + 1800 }, key!)
    })
    await verifier.verify(token)
  }
  const each = async (from: number, use: (id: GrantId) => Promise<void>): Promise<void> => {
    const to = from === 0 ? WARM : ids.length
    for (let i = from; i < to; i += AT_ONCE) await Promise.all(ids.slice(i, Math.min(to, i + AT_ONCE)).map(use))
  }
  await each(0, show)
  const before = heapBytes()
  await each(WARM, read)
  const withGrants = heapBytes()
  await each(WARM, show)
  const withTokens = heapBytes()
  await opened.store.close()
  rmSync(folder, { recursive: true })
  return { grant: (withGrants - before) / grants, token: (withTokens - withGrants) / grants }
}
