/**
 * A service: it comes in with a long-lived access token, tells of every user that is added, survives restarts of the
 * server, and ends when its token is deleted.
 *
 *   LATCHKEY_URL=http://127.0.0.1:8123 LATCHKEY_TOKEN=… node examples/node-service.mjs
 *
 * An administrator makes the token with the command `auth/long_lived_access_token`.
 */
import { Auth, connect } from 'latchkey/client'

const { LATCHKEY_URL: url = 'http://127.0.0.1:8123', LATCHKEY_TOKEN: token } = process.env
if (token === undefined) {
  console.error('LATCHKEY_TOKEN is not set.')
  process.exit(64)
}

// Node 22 has a WebSocket of its own.
const { WebSocket } = globalThis.WebSocket === undefined ? await import('ws') : globalThis

const connection = connect(new Auth(fetch, url, token), {
  WebSocket,
  onState: (now) => {
    if (now.state === 'waiting') console.log(`lost: ${now.error.message}; again in ${Math.round(now.ms)} ms`)
    // What happened between was missed: a service that keeps a list reads it anew here.
    if (now.state === 'open') console.log(now.again ? 'connected again' : 'connected')
  },
})

process.once('SIGTERM', () => connection.close())
process.once('SIGINT', () => connection.close())

// Both wait for the first socket, and the subscription is begun anew on every later one.
const listen = async () => {
  const { name } = await connection.command('auth/current_user', {})
  await connection.subscribe('subscribe_events', { event_type: 'user_added' }, ({ data }) =>
    console.log(`user added: ${data.user_id}`),
  )
  console.log(`listening as ${name}`)
}
listen().catch((error) => {
  console.error(error.message)
  connection.close()
  process.exitCode = 1
})

const { next, message } = await connection.closed
if (next !== null) {
  console.error(message)
  process.exitCode = 1
}
