/** Answers to the commands about the socket and about one's own account. */
import type { Bans } from '../auth/bans.ts'
import type { PasswordHasher } from '../auth/hashing.ts'
import type { PasswordCheck } from '../auth/password-check.ts'
import { isWeakPassword } from '../auth/password-rules.ts'
import { LOCAL_TYPE } from '../auth/providers/local.ts'
import type { SignedPaths } from '../auth/signed-paths.ts'
import type { TokenRules } from '../auth/tokens.ts'
import type { ConnectionCommands } from '../protocol/connection.ts'
import type { ProfileCommands } from '../protocol/profile.ts'
import type { GrantId } from '../store/model.ts'
import { type Passwords, StoreUnavailable, type Users } from '../store/store.ts'
import type { Bus } from './bus.ts'
import { type Handlers, mayUse, Refusal } from './dispatch.ts'

export const connectionHandlers = (bus: Bus): Handlers<ConnectionCommands> => ({
  ping: () => null,
  supported_features: (context, { features }) => {
    context.setFeatures(features)
    return null
  },
  subscribe_events: (context, { event_type }) => {
    const needs = bus.needs(event_type ?? null)
    if (!mayUse(context.who, needs)) return new Refusal('unauthorized')
    const id = context.lastId
    context.subscribe(
      needs,
      bus.listen(event_type ?? null, (text, may) => context.deliver(id, text, may)),
    )
    return null
  },
  unsubscribe_events: (context, { subscription }) =>
    context.unsubscribe(Math.trunc(subscription)) ? null : new Refusal('not_found', 'Subscription not found.'),
})

/** A signed path lives this long unless the caller says otherwise (Home Assistant's default). */
const SIGNATURE_SECONDS = 30

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at))

/** No long-lived token could be made: in Home Assistant one code stands for every reason. */
const noToken = new Refusal('unknown_error')

export const profileHandlers = (
  users: Users,
  passwords: Passwords,
  hasher: PasswordHasher,
  checkPassword: PasswordCheck,
  tokens: TokenRules,
  signedPaths: SignedPaths,
  bans: Bans,
): Handlers<ProfileCommands> => ({
  'auth/current_user': async ({ who }) => ({
    id: who.userId,
    name: who.name,
    is_owner: who.isOwner,
    is_admin: who.isAdmin,
    credentials: (await users.credentials(who.userId)).map(({ providerType, providerId }) => ({
      auth_provider_type: providerType,
      auth_provider_id: providerId,
    })),
    mfa_modules: [],
  }),

  'auth/permissions': ({ who }) => ({ ...who.permissions.policy }),

  'auth/check': ({ who }, { category, object, key }) => who.permissions.check(category, object, key),

  'auth/refresh_tokens': async ({ who }) => {
    const sessions = await tokens.list(who.userId)
    return sessions.map(({ token, credential }) => ({
      auth_provider_type: credential?.providerType ?? null,
      client_icon: token.clientIcon,
      client_id: token.clientId,
      client_name: token.clientName,
      created_at: iso(token.createdAt),
      expire_at: isoOrNull(token.expireAt),
      id: token.id,
      is_current: token.id === who.grantId,
      last_used_at: isoOrNull(token.lastUsedAt),
      last_used_ip: token.lastUsedIp,
      type: token.type,
    }))
  },

  'auth/delete_refresh_token': async ({ who }, { refresh_token_id }) => {
    const { grants } = await tokens.revokeOwn(who, refresh_token_id as GrantId)
    return grants.length === 0 ? new Refusal('invalid_token_id') : {}
  },

  'auth/delete_all_refresh_tokens': async ({ who }, { token_type, delete_current_token = true }) => {
    try {
      await tokens.revokeAll(who, token_type ?? null, delete_current_token)
      return {}
    } catch (error) {
      // One transaction: nothing was removed.
      if (error instanceof StoreUnavailable) return new Refusal('token_removing_error')
      throw error
    }
  },

  'auth/refresh_token_set_expiry': async ({ who }, { refresh_token_id, enable_expiry }) =>
    (await tokens.setExpiry(who, refresh_token_id as GrantId, enable_expiry)) ? {} : new Refusal('invalid_token_id'),

  'auth/sign_path': async ({ who }, { path, expires = SIGNATURE_SECONDS }) => {
    const signed = await signedPaths.sign(who, path, expires)
    return signed === null ? new Refusal('unknown_error') : { path: signed }
  },

  'config/auth_provider/homeassistant/change_password': async (
    { who, address },
    { current_password, new_password },
  ) => {
    const credentials = await users.credentials(who.userId)
    const local = credentials.find(({ providerType }) => providerType === LOCAL_TYPE)
    if (local === undefined) return new Refusal('credentials_not_found')
    const account = local.subject
    const good = await bans.attempt(address, async () => {
      const good = await checkPassword(account, current_password, address)
      // The same count as at the login: a socket that was left open is no second door for guesses.
      if (good) bans.succeeded(address, account)
      else bans.failed(address, { account })
      return good
    })
    if (!good) return new Refusal('invalid_current_password')
    if (new_password === '') return Refusal.translated('password_empty')
    if (await isWeakPassword(new_password, account)) return Refusal.translated('password_too_weak')
    const outcome = await passwords.set(who.userId, await hasher.hash(new_password), who.grantId)
    return outcome === 'set' ? null : new Refusal('credentials_not_found')
  },

  'auth/long_lived_access_token': async ({ who }, { client_name, client_icon, lifespan }) => {
    const made = await tokens.longLived(who, client_name, client_icon ?? null, lifespan)
    return 'token' in made ? made.token : noToken
  },
})
