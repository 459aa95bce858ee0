/** What grants may do: the policies of each distinct set of groups, merged and compiled once for all who are in these groups. */
import { LRUCache } from 'lru-cache'
import type { Group, GroupId, GroupPolicy, User } from '../store/model.ts'
import { builtInGroups } from './groups.ts'
import { compilePolicies, describePolicy, everything, type Permissions, type PolicyOptions } from './policy.ts'

/** Bytes of policy text that what is kept was compiled from. */
const CAPACITY = 16 * 1024 * 1024

/** Owner and administrators may do everything, whatever their other groups say. */
export const isAdmin = ({ isOwner, groups }: Pick<User, 'isOwner' | 'groups'>): boolean =>
  isOwner || groups.includes('system-admin')

interface Compiled {
  readonly permissions: Permissions
  readonly groups: readonly GroupId[]
}

export class PermissionCache {
  readonly #options: PolicyOptions
  readonly #onInvalid: (group: GroupId, why: string) => void
  readonly #everything: Permissions
  readonly #compiled = new LRUCache<string, Compiled>({ maxSize: CAPACITY })

  /** `onInvalid` hears of policies that no command would save: what is wrong in them allows nothing. */
  constructor(options: PolicyOptions, onInvalid: (group: GroupId, why: string) => void = () => undefined) {
    this.#options = options
    this.#onInvalid = onInvalid
    this.#everything = everything(options)
  }

  /** What a user may do; `policies` holds those of the user's groups that are not built in. Groups that are gone allow nothing. */
  of(user: Pick<User, 'isOwner' | 'groups'>, policies: ReadonlyMap<GroupId, GroupPolicy>): Permissions {
    if (isAdmin(user)) return this.#everything
    const groups = [...new Set(user.groups)].sort()
    const key = groups.map((id) => `${id}@${policies.get(id)?.version ?? 0}`).join()
    const known = this.#compiled.get(key)
    if (known !== undefined) return known.permissions
    const texts = groups.flatMap((id) => policies.get(id) ?? [])
    const permissions = compilePolicies(
      [...builtInGroups.filter(({ id }) => groups.includes(id)).map(({ policy }) => policy), ...texts.map(this.#parse)],
      this.#options,
    )
    const size = texts.reduce((sum, { text }) => sum + text.length, 1000)
    this.#compiled.set(key, { permissions, groups }, { size })
    return permissions
  }

  /** A group has changed or is gone. */
  drop(group: GroupId): void {
    for (const [key, { groups }] of [...this.#compiled]) if (groups.includes(group)) this.#compiled.delete(key)
  }

  readonly #parse = ({ id, text }: GroupPolicy): Group['policy'] => {
    const policy = JSON.parse(text) as Group['policy']
    const wrong = describePolicy(policy, this.#options)
    if (wrong !== null) this.#onInvalid(id, wrong)
    return policy
  }
}
