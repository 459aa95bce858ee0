/** Answers to the commands about other people's accounts. */
import type { PasswordHasher } from '../auth/hashing.ts'
import { isWeakPassword } from '../auth/password-rules.ts'
import { LOCAL_TYPE, normalizeUsername, refuseUsername } from '../auth/providers/local.ts'
import { newId } from '../auth/secrets.ts'
import type { Clock } from '../clock.ts'
import type { AdminCommands } from '../protocol/admin.ts'
import type { Credential, CredentialId, GroupId, User, UserId } from '../store/model.ts'
import type { Passwords, UserChange, Users } from '../store/store.ts'
import { type Handlers, Refusal, stepUpRequired } from './dispatch.ts'

const isLocal = ({ providerType }: Credential): boolean => providerType === LOCAL_TYPE

const toWire = (user: User, credentials: readonly Credential[]) => ({
  id: user.id as string,
  username: credentials.find(isLocal)?.subject ?? null,
  name: user.name,
  is_owner: user.isOwner,
  is_active: user.isActive,
  local_only: user.localOnly,
  system_generated: user.systemGenerated,
  group_ids: [...user.groups] as string[],
  credentials: credentials.map(({ providerType }) => ({ type: providerType })),
  ...(user.approval === undefined ? {} : { approval: user.approval.state }),
})

const userNotFound = new Refusal('not_found', 'User not found')
/** Whoever could take the owner's user name away and give another would log in as the owner. */
const ownersOwn = new Refusal('unauthorized')
/** Home Assistant's answer to a group that does not exist. */
const noSuchGroup = new Refusal('unknown_error')

const refuseNewUsername = (username: string): Refusal | null =>
  refuseUsername(username) === null
    ? null
    : Refusal.translated('username_not_normalized', { new_username: username.slice(0, 200) })

export interface AdminParts {
  readonly users: Users
  readonly passwords: Passwords
  readonly hasher: PasswordHasher
  readonly clock: Clock
  /** Who is turned away is known for so long. */
  readonly rejectedMs: number
}

export const adminHandlers = ({ users, passwords, hasher, clock, rejectedMs }: AdminParts): Handlers<AdminCommands> => {
  /** What came of a decision. */
  const decided = async (outcome: User | 'not_found' | 'not_pending') => {
    if (outcome === 'not_found') return userNotFound
    if (outcome === 'not_pending') return new Refusal('not_pending')
    return { user: toWire(outcome, await users.credentials(outcome.id)) }
  }

  return {
    'config/auth/approve': async (_, { user_id }) => decided(await users.approve(user_id as UserId)),

    'config/auth/reject': async (_, { user_id }) =>
      decided(await users.reject(user_id as UserId, clock.now() + rejectedMs)),

    'config/auth/list': async () => (await users.list()).map(({ user, credentials }) => toWire(user, credentials)),

    'config/auth/create': async ({ standing }, { name, group_ids = [], local_only = false }) => {
      if (group_ids.length > 0 && standing.mustStepUp) return stepUpRequired
      const user: User = {
        id: newId<UserId>(),
        name,
        isOwner: false,
        isActive: true,
        localOnly: local_only,
        systemGenerated: false,
        groups: group_ids as GroupId[],
      }
      return (await users.create(user)) === 'created' ? { user: toWire(user, []) } : noSuchGroup
    },

    'config/auth/update': async ({ standing }, { user_id, name, is_active, group_ids, local_only }) => {
      const change: UserChange = {
        ...(name === undefined ? {} : { name }),
        ...(is_active === undefined ? {} : { isActive: is_active }),
        ...(group_ids === undefined ? {} : { groups: group_ids as GroupId[] }),
        ...(local_only === undefined ? {} : { localOnly: local_only }),
      }
      const outcome = await users.update(user_id as UserId, change, { mayJoin: !standing.mustStepUp })
      switch (outcome) {
        case 'not_found':
          return userNotFound
        case 'no_such_group':
          return noSuchGroup
        case 'system_generated':
          return new Refusal('cannot_modify_system_generated')
        case 'owner':
          return new Refusal('cannot_deactivate_owner')
        case 'joins':
          return stepUpRequired
        default:
          return { user: toWire(outcome, await users.credentials(outcome.id)) }
      }
    },

    'config/auth/delete': async ({ who }, { user_id }) => {
      if (user_id === who.userId) return new Refusal('no_delete_self')
      switch (await users.remove(user_id as UserId)) {
        case 'not_found':
          return userNotFound
        case 'owner':
          return new Refusal('cannot_delete_owner')
        case 'removed':
          return null
      }
    },

    'config/auth_provider/homeassistant/create': async ({ who }, { user_id, username, password }) => {
      const user = await users.byId(user_id as UserId)
      if (user === null) return userNotFound
      if (user.isOwner && !who.isOwner) return ownersOwn
      if (user.systemGenerated) return new Refusal('system_generated')
      const refused = refuseNewUsername(username)
      if (refused !== null) return refused
      if (password === '') return Refusal.translated('password_empty')
      if (await isWeakPassword(password, username)) {
        // Whatever else is wrong is said instead.
        if ((await passwords.hash(username)) !== null)
          return Refusal.translated('username_already_exists', { username })
        const own = await users.credentials(user.id)
        return Refusal.translated(own.some(isLocal) ? 'credential_already_exists' : 'password_too_weak')
      }
      const credential: Credential = {
        id: newId<CredentialId>(),
        userId: user.id,
        providerType: LOCAL_TYPE,
        providerId: null,
        subject: username,
      }
      switch (await passwords.add(credential, await hasher.hash(password))) {
        case 'user_not_found':
          return userNotFound
        case 'system_generated':
          return new Refusal('system_generated')
        case 'username_taken':
          return Refusal.translated('username_already_exists', { username })
        case 'has_one':
          return Refusal.translated('credential_already_exists')
        case 'added':
          return null
      }
    },

    'config/auth_provider/homeassistant/delete': async ({ who }, { username }) => {
      const name = normalizeUsername(username)
      const found = await users.byCredential(LOCAL_TYPE, null, name)
      if (found?.user.isOwner && !who.isOwner) return ownersOwn
      return (await passwords.remove(name)) === 'removed' ? null : Refusal.translated('user_not_found')
    },

    'config/auth_provider/homeassistant/admin_change_password': async ({ who }, { user_id, password }) => {
      const user = await users.byId(user_id as UserId)
      if (user === null) return new Refusal('user_not_found')
      if (password === '') return Refusal.translated('password_empty')
      const local = (await users.credentials(user.id)).find(isLocal)
      if (local !== undefined && (await isWeakPassword(password, local.subject)))
        return Refusal.translated('password_too_weak')
      // The owner's own session goes on: it is the one that is asking.
      const keep = user.id === who.userId ? who.grantId : null
      switch (await passwords.set(user.id, await hasher.hash(password), keep)) {
        case 'user_not_found':
          return new Refusal('user_not_found')
        case 'no_credential':
          return new Refusal('credentials_not_found')
        case 'set':
          return null
      }
    },

    'config/auth_provider/homeassistant/admin_change_username': async (_, { user_id, username }) => {
      const user = await users.byId(user_id as UserId)
      if (user === null) return new Refusal('user_not_found')
      const credentials = await users.credentials(user.id)
      if (!credentials.some(isLocal)) return new Refusal('credentials_not_found')
      const refused = refuseNewUsername(username)
      if (refused !== null) return refused
      switch (await passwords.rename(user.id, username)) {
        case 'user_not_found':
          return new Refusal('user_not_found')
        case 'no_credential':
          return new Refusal('credentials_not_found')
        case 'username_taken':
          return Refusal.translated('username_already_exists', { username })
        case 'renamed':
          return null
      }
    },
  }
}
