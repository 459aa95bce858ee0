/** Somebody whose socket is authenticated, as an application sees them. */

export interface User {
  readonly id: string
  readonly name: string | null
  /** What the provider of this session's credential knows them as; null for a session without one. */
  readonly username: string | null
  /** Ids of groups. */
  readonly groups: readonly string[]
  readonly isOwner: boolean
  readonly isAdmin: boolean
  readonly permissions: {
    /** May they do `key` (`read`, `control` or `edit`) to this object? No, unless a policy of their groups says so. */
    check(category: string, object: string, key: string): boolean
  }
}
