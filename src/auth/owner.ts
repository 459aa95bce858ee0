/** The first user: checked before anything is kept, made in one step, and of racing callers exactly one. */
import type { Clock } from '../clock.ts'
import type { CredentialId, User, UserId } from '../store/model.ts'
import type { Store } from '../store/store.ts'
import { makeCode } from './codes.ts'
import type { PasswordHasher } from './hashing.ts'
import { isWeakPassword, WEAK_PASSWORD } from './password-rules.ts'
import { LOCAL_TYPE, refuseUsername } from './providers/local.ts'
import { newId } from './secrets.ts'

export interface OwnerRequest {
  readonly name: string
  readonly username: string
  readonly password: string
  readonly clientId: string
}

export type OwnerOutcome = { readonly code: string } | { readonly refused: string } | 'taken'

const refuse = ({ name, username, password }: OwnerRequest): string | null => {
  if (name.trim() === '') return 'Name must not be empty.'
  if (name.length > 200) return 'Name must not be longer than 200 characters.'
  if (password === '') return 'Password must not be empty.'
  return refuseUsername(username)
}

/** Makes the owner with a user name and password of the local provider, and a code to log in with. */
export const createOwner = async (
  store: Store,
  hasher: PasswordHasher,
  clock: Clock,
  codeLifetimeMs: number,
  request: OwnerRequest,
): Promise<OwnerOutcome> => {
  const refused = refuse(request)
  if (refused !== null) return { refused }
  // Looked at before the hash too: once there is an owner, nobody makes this process compute.
  if (await store.users.any()) return 'taken'
  if (await isWeakPassword(request.password, request.username)) return { refused: WEAK_PASSWORD }
  const user: User = {
    id: newId<UserId>(),
    name: request.name,
    isOwner: true,
    isActive: true,
    localOnly: false,
    systemGenerated: false,
    groups: ['system-admin'],
  }
  const credential = {
    id: newId<CredentialId>(),
    userId: user.id,
    providerType: LOCAL_TYPE,
    providerId: null,
    subject: request.username,
  }
  const { code, kept } = makeCode(
    {
      clientId: request.clientId,
      credentialId: credential.id,
      userId: user.id,
      redirectUri: null,
      challenge: null,
      purpose: 'login',
    },
    codeLifetimeMs,
    clock.now(),
  )
  const password = { username: request.username, hash: await hasher.hash(request.password) }
  const outcome = await store.users.createOwner({ user, credential, password, code: kept })
  return outcome === 'taken' ? 'taken' : { code }
}
