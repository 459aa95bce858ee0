/** Makes a data directory with an owner and as many sessions as a bench wants, without a login for each. */
import { randomBytes } from 'node:crypto'
import { mint } from '../auth/jwt.ts'
import { createOwner } from '../auth/owner.ts'
import { digest, newId, newRefreshSecret } from '../auth/secrets.ts'
import { systemClock } from '../clock.ts'
import { readConfig } from '../config/config.ts'
import { openData } from '../main.ts'
import type { GrantId, RefreshToken, UserId } from '../store/model.ts'
import type { Store } from '../store/store.ts'

/** Nobody's: loopback is every bench's. */
const CLIENT_ID = 'http://127.0.0.1/'
const OWNER = { name: 'Bench', username: 'bench', password: 'correct horse' }
const GRANTS_PER_USER = 10
/** Written at once, so that each commit has many. */
const AT_ONCE = 512
/** Secrets that are kept in memory; grants beyond them are only there. */
const KEPT = 100_000
const ACCESS_TOKEN_SECONDS = 1800
const IDLE_MS = 90 * 86_400_000

interface Session {
  readonly id: GrantId
  readonly key: Uint8Array
  readonly secret: string
}

export interface Seed {
  readonly clientId: string
  readonly login: { readonly username: string; readonly password: string }
  refreshTokens(count: number): readonly string[]
  /** In turn of the grants, `from` the first of each; no two alike. */
  accessTokens(count: number, from: number): readonly string[]
}

const makeUser = async (store: Store, number: number): Promise<UserId> => {
  const id = newId<UserId>()
  await store.users.create({
    id,
    name: `Bench ${number}`,
    isOwner: false,
    isActive: true,
    localOnly: false,
    systemGenerated: false,
    groups: ['system-users'],
  })
  return id
}

/** In pieces, so that a million are never under way at once. */
const inPieces = async <T>(count: number, make: (i: number) => Promise<T>, keep: (made: T) => void): Promise<void> => {
  for (let i = 0; i < count; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => make(i + j))
    for (const made of await Promise.all(some)) keep(made)
  }
}

export const seed = async (dataDir: string, grants: number): Promise<Seed> => {
  const { store, keys, hasher, dir } = await openData(readConfig({ flags: { data_dir: dataDir } }), systemClock)
  const sessions: Session[] = []
  try {
    await createOwner(store, hasher, systemClock, 60_000, { ...OWNER, clientId: CLIENT_ID })
    const users: UserId[] = []
    await inPieces(
      Math.ceil(grants / GRANTS_PER_USER),
      (i) => makeUser(store, i),
      (id) => users.push(id),
    )
    const now = systemClock.now()
    const make = async (i: number): Promise<Session> => {
      const id = newId<GrantId>()
      const secret = newRefreshSecret()
      const token: RefreshToken = {
        id,
        userId: users[Math.floor(i / GRANTS_PER_USER)]!,
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
      }
      await store.tokens.create(token, null)
      return { id, key: keys.accessKey(id, token.salt), secret }
    }
    await inPieces(grants, make, (session) => {
      if (sessions.length < KEPT) sessions.push(session)
    })
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
