/** Who is asking: what a verified access token stands for. */
import type { Grant, GrantId, GroupId, TokenType, UserId } from '../store/model.ts'

export interface Principal {
  readonly grantId: GrantId
  readonly userId: UserId
  readonly tokenType: TokenType
  readonly name: string | null
  /** What the provider of this session's credential knows the user as; null for a session without one. */
  readonly username: string | null
  readonly groups: readonly GroupId[]
  readonly isOwner: boolean
  readonly isAdmin: boolean
  readonly localOnly: boolean
}

/** The principal of a grant; null if its user may not act at all. */
export const principalOf = ({ token, user, credential }: Grant): Principal | null =>
  user.isActive
    ? {
        grantId: token.id,
        userId: user.id,
        tokenType: token.type,
        name: user.name,
        username: credential?.subject ?? null,
        groups: user.groups,
        isOwner: user.isOwner,
        isAdmin: user.isOwner || user.groups.includes('system-admin'),
        localOnly: user.localOnly,
      }
    : null
