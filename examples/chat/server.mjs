/**
 * A chat on a gateway of its own, in one process: logging in, sessions and rights are the gateway's, rooms are the chat's.
 *
 *   npm run build && node examples/chat/server.mjs
 *
 * Make the owner at the address that it prints. Who may read or speak in a room is said by groups, which an administrator
 * makes with `config/auth/groups/create`:
 *
 *   { "name": "Guests", "policy": { "rooms": { "lobby": { "read": true, "control": true }, "news": { "read": true } } } }
 */
import { createGateway } from 'latchkey'
import * as chat from './chat.js'
import { createHandlers } from './handlers.js'
import { createRooms } from './rooms.js'

const { PORT: port = '8123', DATA_DIR: folder = './data' } = process.env

const gateway = await createGateway({
  config: {
    data_dir: folder,
    server: { port },
    policy: { categories: [chat.CATEGORY] },
  },
  commands: chat.commands,
  events: chat.events,
  handlers: createHandlers(createRooms(['lobby', 'news'])),
})
console.log(gateway.url)
if (gateway.setUpUrl !== null) console.log(`make the owner at ${gateway.setUpUrl}`)

// Commands under way are finished, then sockets close with a time after which their clients come back.
process.once('SIGTERM', () => gateway.close())
process.once('SIGINT', () => gateway.close())
