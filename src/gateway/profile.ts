/** Answers to the commands about the socket and about one's own account. */
import type { TokenRules } from '../auth/tokens.ts'
import type { ConnectionCommands } from '../protocol/connection.ts'
import type { ProfileCommands } from '../protocol/profile.ts'
import type { GrantId } from '../store/model.ts'
import type { Users } from '../store/store.ts'
import { type Handlers, Refusal } from './dispatch.ts'

export const connectionHandlers: Handlers<ConnectionCommands> = {
  ping: () => null,
  supported_features: (context, { features }) => {
    context.setFeatures(features)
    return null
  },
}

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at))

/** No long-lived token could be made: in Home Assistant one code stands for every reason. */
const noToken = new Refusal('unknown_error')

export const profileHandlers = (users: Users, tokens: TokenRules): Handlers<ProfileCommands> => ({
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

  'auth/long_lived_access_token': async ({ who }, { client_name, client_icon, lifespan }) => {
    const made = await tokens.longLived(who, client_name, client_icon ?? null, lifespan)
    return 'token' in made ? made.token : noToken
  },
})
