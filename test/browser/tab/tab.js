/** A page that does with the library what its test says, and notes everything that it is told. `note` is the test's. */
import * as latchkey from 'latchkey/client'
import { load, save } from './kept.js'

/** An error as plain data. */
const plain = (error) =>
  error === undefined ? null : { name: error.name, message: error.message, code: error.code ?? null }

const noteState = (now) => {
  if (now.state === 'waiting') window.note({ told: 'waiting', ms: now.ms, error: plain(now.error) })
  else if (now.state === 'closed') window.note({ told: 'closed', next: now.end.next, cause: plain(now.end.cause) })
  else window.note({ told: now.state, ...(now.state === 'open' ? { again: now.again } : {}) })
}

let auth
let connection

/** Connects, and hears of the user's sessions. Resolves when the server has agreed to that. */
const begin = async () => {
  connection = latchkey.connect(auth, { onState: noteState })
  await connection.subscribe('auth/subscribe', {}, (event) => window.note({ told: 'event', event }))
}

window.tab = {
  latchkey,
  /** With the session that all tabs share; with `token` it is that one from now on. */
  session: async (host, clientId, token) => {
    if (token !== null) await save(token)
    auth = new latchkey.OAuth2Session({
      fetch,
      host,
      clientId,
      token: await load(),
      tokenLoader: load,
      tokenUpdater: save,
    })
    await begin()
  },
  /** With one access token. */
  bearer: async (host, accessToken) => {
    auth = new latchkey.Auth(fetch, host, accessToken)
    await begin()
  },
  /** Resolves to the status. */
  request: async (path) => (await auth.request('GET', path)).status,
  command: (type, fields = {}) => connection.command(type, fields).catch(plain),
  kept: load,
}
