/** Makes a data directory with an owner and as many sessions as a bench wants, without a login for each. */
import { randomBytes } from 'node:crypto'
import type { MacKey } from '../auth/hmac.ts'
import { mint } from '../auth/jwt.ts'
import { createOwner } from '../auth/owner.ts'
import { digest, newId, newRefreshSecret } from '../auth/secrets.ts'
import { systemClock } from '../clock.ts'
import { readConfig } from '../config/config.ts'
import { openData } from '../main.ts'
import type { GrantId, RefreshToken, User, UserId } from '../store/model.ts'

/** Nobody's: loopback is every bench's. */
const CLIENT_ID = 'http://127.0.0.1/'
const OWNER = { name: 'Bench', username: 'bench', password: 'correct horse' }
const GRANTS_PER_USER = 10
/** Written at once, so that each commit has many. */
const AT_ONCE = 10_000
/** Secrets that are kept in memory; grants beyond them are only there. */
const KEPT = 300_000
const ACCESS_TOKEN_SECONDS = 1800
const IDLE_MS = 90 * 86_400_000

interface Session {
  readonly id: GrantId
  readonly key: MacKey
  readonly secret: string
}

export interface Seed {
  readonly clientId: string
  readonly login: { readonly username: string; readonly password: string }
  refreshTokens(count: number): readonly string[]
  /** In turn of the grants, `from` the first of each; no two alike. */
  accessTokens(count: number, from: number): readonly string[]
}

export const newUser = (number: number): User => ({
  id: newId<UserId>(),
  name: `Bench ${number}`,
  isOwner: false,
  isActive: true,
  localOnly: false,
  systemGenerated: false,
  groups: ['system-users'],
})

export const newToken = (userId: UserId, secret: string, now: number): RefreshToken => ({
  id: newId<GrantId>(),
  userId,
  credentialId: null,
  type: 'normal',
  clientId: CLIENT_ID,
  clientName: null,
  clientIcon: null,
  secretHash: digest(secret),
  rotation: null,
  salt: randomBytes(16),
  codeHash: null,
  accessTokenSeconds: ACCESS_TOKEN_SECONDS,
  createdAt: now,
  expireAt: now + IDLE_MS,
  lastUsedAt: now,
  lastUsedIp: '127.0.0.1',
})

export const seed = async (dataDir: string, grants: number): Promise<Seed> => {
  const { store, fill, keys, hasher, dir } = await openData(readConfig({ flags: { data_dir: dataDir } }), systemClock)
  const sessions: Session[] = []
  try {
    await createOwner(store, hasher, systemClock, 60_000, { ...OWNER, clientId: CLIENT_ID })
    const now = systemClock.now()
    // In pieces, so that a million are never under way at once.
    for (let made = 0; made < grants; made += AT_ONCE) {
      const count = Math.min(AT_ONCE, grants - made)
      const users = Array.from({ length: Math.ceil(count / GRANTS_PER_USER) }, (_, i) => newUser(made + i))
      const tokens: RefreshToken[] = []
      for (let i = 0; i < count; i++) {
        const secret = newRefreshSecret()
        const token = newToken(users[Math.floor(i / GRANTS_PER_USER)]!.id, secret, now)
        tokens.push(token)
        if (sessions.length < KEPT) sessions.push({ id: token.id, key: keys.accessKey(token.id, token.salt), secret })
      }
      await fill(users, tokens)
    }
    dir.dropSetupCode()
  } finally {
    await store.close()
  }
  const iat = Math.floor(systemClock.now() / 1000)
  return {
    clientId: CLIENT_ID,
    login: OWNER,
    refreshTokens: (count) => sessions.slice(0, count).map(({ secret }) => secret),
    accessTokens: (count, from) =>
      Array.from({ length: count }, (_, i) => {
        const number = from + i
        const { id, key } = sessions[number % sessions.length]!
        // Alike but for the end: a second later for each that its grant had before.
        const exp = iat + ACCESS_TOKEN_SECONDS + Math.floor(number / sessions.length)
        return mint({ iss: id, iat, exp }, key)
      }),
  }
}
