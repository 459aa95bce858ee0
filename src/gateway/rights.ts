/** What somebody may do now and might not before, and the reverse, as the event `rights_changed`. */
import { type Permissions, type PolicyOptions, policyBeyond } from '../auth/policy.ts'
import type { Principal } from '../auth/principal.ts'
import type { SessionEvent } from '../protocol/sessions.ts'

type RightsChanged = Extract<SessionEvent, { type: 'rights_changed' }>

/** The event's JSON text; null if nothing was gained and nothing lost. */
export type RightsText = (before: Principal, after: Principal) => string | null

/** Compares rights. A change of a group is compared once for all of its members: they share what they may do. */
export const createRightsText = (options: Pick<PolicyOptions, 'categories'>): RightsText => {
  // By what was before: an answer then keeps nothing in memory that nobody has any more.
  const known = new WeakMap<Permissions, { readonly after: Permissions; readonly text: string | null }>()

  const compare = (before: Principal, after: Principal): string | null => {
    const [old, now] = [before.permissions.policy, after.permissions.policy]
    const gained = policyBeyond(now, old, options)
    const lost = policyBeyond(old, now, options)
    const isSame = before.isAdmin === after.isAdmin
    if (isSame && Object.keys(gained).length === 0 && Object.keys(lost).length === 0) return null
    const event: RightsChanged = {
      type: 'rights_changed',
      gained,
      lost,
      ...(isSame ? {} : { admin: after.isAdmin ? 'gained' : 'lost' }),
    }
    return JSON.stringify(event)
  }

  return (before, after) => {
    if (before.permissions === after.permissions) return null
    const found = known.get(before.permissions)
    // Who is an administrator has the permissions of all administrators: these tell that as well.
    if (found?.after === after.permissions) return found.text
    const text = compare(before, after)
    known.set(before.permissions, { after: after.permissions, text })
    return text
  }
}

/** Gets the event's JSON text. */
type Hear = (text: string) => void

/** Who hears, on one socket, of its rights. */
export class RightsHearers {
  readonly #textOf: RightsText
  readonly #hearers = new Set<Hear>()
  /** What they know of. */
  #told: Principal

  constructor(textOf: RightsText, who: Principal) {
    this.#textOf = textOf
    this.#told = who
  }

  /** Returns what ends it. */
  listen(hear: Hear): () => void {
    const own: Hear = (text) => hear(text)
    this.#hearers.add(own)
    return () => this.#hearers.delete(own)
  }

  /** Says what has changed since it was last called. */
  tell(who: Principal): void {
    const before = this.#told
    this.#told = who
    if (this.#hearers.size === 0) return
    const text = this.#textOf(before, who)
    if (text !== null) for (const hear of [...this.#hearers]) hear(text)
  }
}
