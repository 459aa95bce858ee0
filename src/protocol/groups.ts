/** The commands about groups: what their members may do. */
import { z } from 'zod'
import { command, optional } from './command.ts'

/** By category; what exactly may stand in it is judged by the server, which knows its categories. */
const policy = z.record(z.string(), z.unknown())
/** Something to see, and no control characters. */
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^(?=.*[\p{L}\p{N}\p{P}\p{S}])\P{Cc}+$/u)

const group = z.strictObject({ id: z.string(), name: z.string(), policy, system_generated: z.boolean() })

export const groups = {
  'config/auth/groups/list': command({
    doc: 'List the groups, the built-in ones first, then in the order in which they were made.',
    needs: 'admin',
    input: { limit: optional(z.int().min(1).max(200)), after: optional(z.string().regex(/^-?\d{1,15}$/)) },
    result: z.strictObject({ items: z.array(group), next: z.string().nullable() }),
    errors: [],
  }),

  'config/auth/groups/create': command({
    doc: 'Make a group. A policy has at most 64 KiB; nobody is in the group yet. A policy that allows anything widens rights.',
    needs: 'admin',
    sensitive: 'where it widens rights',
    input: { name, policy },
    result: z.strictObject({ group }),
    errors: ['invalid_format', 'already_exists'],
  }),

  'config/auth/groups/update': command({
    doc: 'Change the name or the policy of a group. Only the owner may allow more than before.',
    needs: 'admin',
    sensitive: 'where it widens rights',
    input: { group_id: z.string(), name: optional(name), policy: optional(policy) },
    result: z.strictObject({ group }),
    errors: ['invalid_format', 'not_found', 'unauthorized', 'already_exists', 'cannot_modify_system_group'],
  }),

  'config/auth/groups/delete': command({
    doc: 'Remove a group, and take it from its users.',
    needs: 'admin',
    input: { group_id: z.string() },
    result: z.null(),
    errors: ['not_found', 'cannot_modify_system_group'],
  }),
} as const

export type GroupCommands = typeof groups
