/** Records for the store's contract, whole and valid, with a few fields of one's own. */
import { createHash, randomBytes } from 'node:crypto'
import { newId } from '../../src/auth/secrets.ts'
import type {
  AuthCode,
  Credential,
  CredentialId,
  Digest,
  Flow,
  FlowId,
  GrantId,
  RefreshToken,
  User,
  UserId,
} from '../../src/store/model.ts'
import type { NewOwner } from '../../src/store/store.ts'

export const NOW = 1_800_000_000_000
export const HOUR = 3_600_000
export const CAPS = { total: 1000, perNetwork: 1000 }

/** A plain array, as a driver may give it back: no Buffer. */
const bytes = (buffer: Buffer): Uint8Array => new Uint8Array(buffer)
export const digest = (text: string): Digest => bytes(createHash('sha256').update(text).digest())

export const user = (more: Partial<User> = {}): User => ({
  id: newId<UserId>(),
  name: 'Ann',
  isOwner: false,
  isActive: true,
  localOnly: false,
  systemGenerated: false,
  groups: ['system-users'],
  ...more,
})

export const credential = (of: User, subject = `name-${newId()}`): Credential => ({
  id: newId<CredentialId>(),
  userId: of.id,
  providerType: 'homeassistant',
  providerId: null,
  subject,
})

export const token = (of: User, more: Partial<RefreshToken> = {}): RefreshToken => ({
  id: newId<GrantId>(),
  userId: of.id,
  credentialId: null,
  type: 'normal',
  clientId: 'https://example.com/',
  clientName: null,
  clientIcon: null,
  secretHash: digest(newId()),
  rotation: null,
  salt: bytes(randomBytes(16)),
  codeHash: null,
  accessTokenSeconds: 1800,
  createdAt: NOW,
  expireAt: NOW + HOUR,
  lastUsedAt: NOW,
  lastUsedIp: '127.0.0.1',
  ...more,
})

export const code = (of: User, its: Credential, more: Partial<AuthCode> = {}): AuthCode => ({
  hash: digest(newId()),
  clientId: 'https://example.com/',
  credentialId: its.id,
  userId: of.id,
  redirectUri: 'https://example.com/done',
  challenge: null,
  purpose: 'login',
  expiresAt: NOW + HOUR,
  ...more,
})

export const flow = (more: Partial<Flow> = {}): Flow => ({
  id: newId<FlowId>(),
  version: 0,
  address: '127.0.0.1',
  network: '127.0.0.1',
  clientId: 'https://example.com/',
  redirectUri: 'https://example.com/done',
  providerType: 'homeassistant',
  providerId: null,
  challenge: null,
  purpose: 'login',
  expiresAt: NOW + HOUR,
  ...more,
})

export const newOwner = (): NewOwner => {
  const owner = user({ isOwner: true, groups: ['system-admin'] })
  const its = credential(owner, 'ann')
  return { user: owner, credential: its, password: { username: 'ann', hash: 'hash' }, code: code(owner, its) }
}
export const times = <T>(count: number, call: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => call(i)))

export const count = <T>(outcomes: readonly T[], wanted: T): number => outcomes.filter((one) => one === wanted).length
