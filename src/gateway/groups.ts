/** Answers to the commands about groups. */
import { builtInGroups } from '../auth/groups.ts'
import { compilePolicies, describePolicy, type PolicyOptions } from '../auth/policy.ts'
import { newId } from '../auth/secrets.ts'
import type { GroupCommands } from '../protocol/groups.ts'
import type { Group, GroupId, Policy } from '../store/model.ts'
import { type GroupChange, type Groups, StoreUnavailable } from '../store/store.ts'
import { type Context, type Handlers, Refusal, stepUpRequired } from './dispatch.ts'

const PAGE = 200
/** Of policies in one answer, which has to fit through one socket's queue. */
const PAGE_BYTES = 512 * 1024
/** Groups read at once: policies can be large. */
const PIECE = 16
/** Changes by others that may come between, before the caller is told to come again. */
const MAX_TRIES = 6

const toWire = ({ id, name, policy, position }: Group) => ({
  id: id as string,
  name,
  policy: { ...policy },
  system_generated: position <= 0,
})

const isBuiltIn = (id: string): boolean => builtInGroups.some((group) => group.id === id)

const groupNotFound = new Refusal('not_found', 'Group not found')
const systemGroup = new Refusal('cannot_modify_system_group')
const nameTaken = new Refusal('already_exists')

export const groupHandlers = (groups: Groups, options: PolicyOptions): Handlers<GroupCommands> => {
  const refusePolicy = (policy: Policy): Refusal | null => {
    const wrong = describePolicy(policy, options)
    return wrong === null ? null : new Refusal('invalid_format', wrong)
  }

  /** Those after a position, one more than `limit` if there are so many, or fewer where policies are large. */
  const page = async (after: number, limit: number): Promise<Group[]> => {
    const found = builtInGroups.filter(({ position }) => position > after)
    let bytes = 0
    while (found.length <= limit && bytes <= PAGE_BYTES) {
      const from = Math.max(found.at(-1)?.position ?? after, 0)
      const piece = await groups.list(from, PIECE)
      for (const group of piece) bytes += JSON.stringify(group.policy).length
      found.push(...piece)
      if (piece.length < PIECE) return found
    }
    return found
  }

  const allowsMore = (policy: Policy, before: Policy): boolean => !compilePolicies([before], options).covers(policy)

  const create = async (context: Context, name: string, policy: Policy) => {
    if (allowsMore(policy, {}) && context.standing.mustStepUp) return stepUpRequired
    const made = await groups.create({ id: newId<GroupId>(), name, policy })
    return made === 'name_taken' ? nameTaken : { group: toWire(made) }
  }

  const update = async (context: Context, id: string, change: GroupChange) => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const [group] = await groups.byIds([id])
      if (group === undefined) return groupNotFound
      const { policy } = change
      const widens = policy !== undefined && allowsMore(policy, group.policy)
      if (widens && !context.who.isOwner) return new Refusal('unauthorized')
      if (widens && context.standing.mustStepUp) return stepUpRequired
      // Judged against this version: if another came meanwhile, it is judged anew.
      const outcome = await groups.update(group.id, group.version, change)
      if (outcome === 'not_found') return groupNotFound
      if (outcome === 'name_taken') return nameTaken
      if (outcome !== 'changed') return { group: toWire(outcome) }
    }
    throw new StoreUnavailable('the group kept changing')
  }

  return {
    'config/auth/groups/list': async (_, { limit = PAGE, after }) => {
      // The cursor is a position.
      const start = after === undefined ? Number.NEGATIVE_INFINITY : Number(after)
      const found = await page(start, limit)
      const items: Group[] = []
      let bytes = 0
      for (const group of found.slice(0, limit)) {
        bytes += JSON.stringify(group.policy).length
        if (items.length > 0 && bytes > PAGE_BYTES) break
        items.push(group)
      }
      return {
        items: items.map(toWire),
        next: found.length > items.length ? String(items.at(-1)!.position) : null,
      }
    },

    'config/auth/groups/create': (context, { name, policy }) => refusePolicy(policy) ?? create(context, name, policy),

    'config/auth/groups/update': (context, { group_id, name, policy }) => {
      if (isBuiltIn(group_id)) return systemGroup
      const refused = policy === undefined ? null : refusePolicy(policy)
      return (
        refused ??
        update(context, group_id, {
          ...(name === undefined ? {} : { name }),
          ...(policy === undefined ? {} : { policy }),
        })
      )
    },

    'config/auth/groups/delete': async (_, { group_id }) => {
      if (isBuiltIn(group_id)) return systemGroup
      return (await groups.remove(group_id as GroupId)) === 'not_found' ? groupNotFound : null
    },
  }
}
