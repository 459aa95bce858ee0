/** Who is asking: what a verified access token stands for. */
import type { Grant, GrantId, GroupId, TokenType, UserId } from '../store/model.ts'
import { isAdmin } from './permissions.ts'
import type { Permissions } from './policy.ts'

export interface Principal {
  readonly grantId: GrantId
  readonly userId: UserId
  readonly tokenType: TokenType
  readonly name: string | null
  /** What the provider of this session's credential knows the user as; null for a session without one. */
  readonly username: string | null
  readonly groups: readonly GroupId[]
  /** Shared by all who are in the same groups. */
  readonly permissions: Permissions
  readonly isOwner: boolean
  readonly isAdmin: boolean
  readonly localOnly: boolean
}

/** The principal of a grant; null if its user may not act at all. */
export const principalOf = ({ token, user, credential }: Grant, permissions: Permissions): Principal | null =>
  user.isActive
    ? {
        grantId: token.id,
        userId: user.id,
        tokenType: token.type,
        name: user.name,
        username: credential?.subject ?? null,
        groups: user.groups,
        permissions,
        isOwner: user.isOwner,
        isAdmin: isAdmin(user),
        localOnly: user.localOnly,
      }
    : null
