/** Who is asking: what a verified access token stands for. */
import type { Grant, GrantId, TokenType, UserId } from '../store/model.ts'

export interface Principal {
  readonly grantId: GrantId
  readonly userId: UserId
  readonly tokenType: TokenType
  readonly name: string | null
  readonly isOwner: boolean
  readonly isAdmin: boolean
  readonly localOnly: boolean
}

/** The principal of a grant; null if its user may not act at all. */
export const principalOf = ({ token, user }: Grant): Principal | null =>
  user.isActive
    ? {
        grantId: token.id,
        userId: user.id,
        tokenType: token.type,
        name: user.name,
        isOwner: user.isOwner,
        isAdmin: user.isOwner || user.groups.includes('system-admin'),
        localOnly: user.localOnly,
      }
    : null
