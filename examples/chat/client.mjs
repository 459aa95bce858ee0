/**
 * A chat in the terminal. What you type is said; `/join ROOM` goes to another room, `/rooms` lists those that are open to you.
 *
 *   LATCHKEY_URL=http://127.0.0.1:8123 LATCHKEY_TOKEN=… node examples/chat/client.mjs lobby
 *
 * The token is one of yours from `auth/long_lived_access_token`.
 */
import { createInterface } from 'node:readline'
import { Auth, connect } from 'latchkey/client'

const { LATCHKEY_URL: url = 'http://127.0.0.1:8123', LATCHKEY_TOKEN: token } = process.env
if (token === undefined) {
  console.error('LATCHKEY_TOKEN is not set.')
  process.exit(64)
}

// Node 22 has a WebSocket of its own.
const { WebSocket } = globalThis.WebSocket === undefined ? await import('ws') : globalThis

// The declarations are types here, and nothing else: neither they nor their schemas are loaded.
/** @type {import('latchkey/client').Connection<typeof import('./chat.js')>} */
const connection = connect(new Auth(fetch, url, token), {
  WebSocket,
  onState: (now) => {
    if (now.state === 'waiting') console.log(`* lost: ${now.error.message}`)
  },
})

/** @param {{ by: string, text: string }} message */
const show = ({ by, text }) => console.log(`${by}: ${text}`)

let room = ''
let leave = async () => {}

/** Listens to another room. The first event says how it stands there, also after a reconnect. @param {string} name */
const join = async (name) => {
  await leave()
  leave = async () => {}
  room = name
  leave = await connection.subscribe('chat/join', { room }, (event) => {
    switch (event.type) {
      case 'here':
        console.log(`* ${name}: ${event.names.join(', ')}`)
        for (const message of event.messages) show(message)
        return
      case 'message':
        show(event.message)
        return
      default:
        console.log(`* ${event.name} ${event.type === 'joined' ? 'is here' : 'has left'}`)
    }
  })
}

const listRooms = async () => {
  const rooms = await connection.command('chat/rooms', {})
  console.log(`* open to you: ${rooms.map((one) => (one.may_speak ? one.room : `${one.room} (to read)`)).join(', ')}`)
}

/** A subscription ends when the right to it does: whoever's rights have changed looks what is left. */
const look = async () => {
  const rooms = await connection.command('chat/rooms', {})
  if (room === '' || rooms.some((one) => one.room === room)) return
  console.log(`* ${room} is closed to you`)
  room = ''
  await leave()
}

/** @param {string} line */
const enter = async (line) => {
  const [command, name = ''] = line.split(' ')
  if (command === '/join') await join(name)
  else if (command === '/rooms') await listRooms()
  else if (line !== '') await connection.command('chat/send', { room, text: line })
}

/** @param {Error} error */
const tell = (error) => console.log(`! ${error.message}`)

await connection.subscribe('auth/subscribe', {}, ({ type }) => {
  if (type === 'user_changed') look().catch(tell)
})
await connection.subscribe('subscribe_events', { event_type: 'chat_mention' }, ({ data }) =>
  console.log(`* ${data.by} mentions you in ${data.room}: ${data.text}`),
)
await join(process.argv[2] ?? 'lobby').catch(tell)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => enter(line).catch(tell))
lines.on('close', () => connection.close())

const { next, message } = await connection.closed
lines.close()
if (next !== null) {
  console.error(message)
  process.exitCode = 1
}
