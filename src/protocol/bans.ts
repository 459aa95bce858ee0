/** The commands about bans. */
import { z } from 'zod'
import { command, optional } from './command.ts'

export const bans = {
  'config/auth/bans/list': command({
    doc: 'List the addresses that are not served for a while, in the order of their texts.',
    needs: 'admin',
    input: { limit: optional(z.int().min(1).max(200)), after: optional(z.string().max(100)) },
    result: z.strictObject({
      items: z.array(z.strictObject({ network: z.string(), ends_at: z.iso.datetime({ offset: true }) })),
      next: z.string().nullable(),
    }),
    errors: [],
  }),

  'config/auth/bans/delete': command({
    doc: 'Lift a ban.',
    needs: 'admin',
    input: { network: z.string() },
    result: z.null(),
    errors: ['not_found'],
  }),
} as const

export type BanCommands = typeof bans
