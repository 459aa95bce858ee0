/**
 * What the chat says over the socket: its commands and events, declared once. The server judges every message by this, and
 * whoever writes a client has its types: nothing else is imported here, so that a page can have them too.
 */
import { command, eventType, z } from 'latchkey/protocol'

/** Rooms are a category of policies: `read` is hearing, `control` is speaking. */
export const CATEGORY = 'rooms'

const room = z.string().min(1).max(64)

const message = z.strictObject({
  number: z.int(),
  by: z.string(),
  text: z.string(),
  at: z.iso.datetime(),
})

export const commands = {
  'chat/rooms': command({
    doc: 'List the rooms that one may hear, and in which of them one may speak.',
    needs: 'user',
    input: {},
    result: z.array(z.strictObject({ room: z.string(), may_speak: z.boolean() })),
    errors: {},
  }),

  // A declaration with `event` is a subscription: it ends with its client, with the session, or with the right.
  'chat/join': command({
    doc: 'Be in a room: hear who is there and what was said, and then what comes.',
    needs: 'user',
    may: (user, fields) => user.permissions.check(CATEGORY, fields.room, 'read'),
    input: { room },
    result: z.null(),
    event: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('here'), names: z.array(z.string()), messages: z.array(message) }),
      z.strictObject({ type: z.literal('message'), message }),
      z.strictObject({ type: z.literal('joined'), name: z.string() }),
      z.strictObject({ type: z.literal('left'), name: z.string() }),
    ]),
    errors: { no_such_room: 'There is no such room.' },
  }),

  'chat/send': command({
    doc: 'Say something in a room.',
    needs: 'user',
    may: (user, fields) => user.permissions.check(CATEGORY, fields.room, 'control'),
    input: { room, text: z.string().trim().min(1).max(500) },
    result: z.strictObject({ number: z.int() }),
    errors: { no_such_room: 'There is no such room.', not_here: 'Join the room before you speak in it.' },
  }),

  'chat/history': command({
    doc: 'Read what was said before a message, the latest first.',
    needs: 'user',
    may: (user, fields) => user.permissions.check(CATEGORY, fields.room, 'read'),
    input: { room, before: z.int().min(1), limit: z.int().min(1).max(50).default(20) },
    result: z.array(message),
    errors: { no_such_room: 'There is no such room.' },
  }),
}

export const events = {
  // For everybody who subscribed, in whatever room they are; the server names the one whom it is for.
  chat_mention: eventType({
    doc: 'Somebody wrote your name.',
    needs: 'user',
    data: z.strictObject({ room, by: z.string(), text: z.string() }),
    mayHear: (user, data) => user.permissions.check(CATEGORY, data.room, 'read'),
  }),
}
