/** What the chat answers. Who may ask is judged before: here everybody may do what they ask for. */
import { CATEGORY } from './chat.js'
import { nameOf } from './rooms.js'

/** Messages that somebody who comes in is shown. */
const SHOWN = 20

/**
 * @param {ReturnType<typeof import('./rooms.js').createRooms>} rooms
 * @returns {import('latchkey').HandlersOf<typeof import('./chat.js')>}
 */
export const createHandlers = (rooms) => ({
  'chat/rooms': ({ user }) =>
    [...rooms.keys()]
      .filter((room) => user.permissions.check(CATEGORY, room, 'read'))
      .map((room) => ({ room, may_speak: user.permissions.check(CATEGORY, room, 'control') })),

  'chat/join': ({ user, emit, publish, refuse }, { room }) => {
    const here = rooms.get(room)
    if (here === undefined) return refuse('no_such_room')
    const name = nameOf(user)
    if (here.enter(user)) publish('chat/join', { type: 'joined', name }, { topic: room })
    // What is sent after this follows it: nothing is missed, and nothing is shown twice.
    emit({ type: 'here', names: here.names(), messages: here.before(Number.POSITIVE_INFINITY, SHOWN).reverse() })
    return {
      topic: room,
      // Whatever ended it: the client, a lost network, a revoked session, a right that is gone.
      stop: () => {
        if (here.leave(user)) publish('chat/join', { type: 'left', name }, { topic: room })
      },
    }
  },

  'chat/send': ({ user, publish, refuse }, { room, text }) => {
    const here = rooms.get(room)
    if (here === undefined) return refuse('no_such_room')
    if (!here.has(user)) return refuse('not_here')
    const message = here.say(user, text)
    publish('chat/join', { type: 'message', message }, { topic: room })
    const mentioned = [...text.matchAll(/@(\S+)/g)].map(([, name]) => name ?? '')
    for (const other of rooms.values()) {
      for (const id of other.named(mentioned)) publish('chat_mention', { room, by: message.by, text }, { user: id })
    }
    return { number: message.number }
  },

  'chat/history': ({ refuse }, { room, before, limit }) => rooms.get(room)?.before(before, limit) ?? refuse('no_such_room'),
})
