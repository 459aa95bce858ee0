/** The commands about the socket itself. */
import { z } from 'zod'
import { command } from './command.ts'

export const connection = {
  ping: command({
    doc: 'Ask for a pong, to see that the other side is alive.',
    needs: 'user',
    input: {},
    result: z.null(),
    errors: [],
    reply: 'pong',
  }),

  supported_features: command({
    doc: 'Say what this client understands. With `coalesce_messages` several messages may come in one frame, as an array.',
    needs: 'user',
    input: { features: z.record(z.string(), z.union([z.int(), z.boolean()])) },
    result: z.null(),
    errors: [],
  }),
} as const

export type ConnectionCommands = typeof connection
