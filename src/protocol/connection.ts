/** The commands about the socket itself. */
import { z } from 'zod'
import { command, optional } from './command.ts'

export const connection = {
  ping: command({
    doc: 'Ask for a pong, to see that the other side is alive.',
    needs: 'anyone',
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
  subscribe_events: command({
    doc: "Hear this server's events, of one type or all. An administrator may hear every event.",
    needs: 'user',
    input: { event_type: optional(z.string().max(64)) },
    result: z.null(),
    errors: ['unauthorized', 'too_many_subscriptions'],
  }),

  unsubscribe_events: command({
    doc: 'End a subscription of this socket, whatever command began it.',
    needs: 'user',
    // What Python's int() takes, as in Home Assistant; JavaScript would make a 0 of null and of [].
    input: {
      subscription: z.preprocess((given) => (typeof given === 'object' ? undefined : given), z.coerce.number()),
    },
    result: z.null(),
    errors: ['not_found'],
  }),
} as const

export type ConnectionCommands = typeof connection
