/** Logs in with PKCE, keeps the session for all tabs of this page, and shows the user's sessions over a socket. */
import { authorize, codeFrom, connect, OAuth2Session } from 'latchkey/client'
import { forget, load, save } from './kept.js'

const { server } = await (await fetch('/config.json')).json()
const clientId = `${location.origin}/`
const redirectUri = clientId

// The library stores nothing: where the session is kept is up to the page. Any script of this origin can read it here.
const UNDER_WAY = 'login'
const options = { fetch, host: server, clientId, tokenLoader: load, tokenUpdater: save }

const at = (id) => document.getElementById(id)
const say = (text) => {
  at('status').textContent = text
}

const logIn = async () => {
  const { url, state, verifier } = await authorize({ host: server, clientId, redirectUri })
  sessionStorage.setItem(UNDER_WAY, JSON.stringify({ state, verifier }))
  location.assign(url)
}

/** The session that a login has just given; null if this is no return from one. */
const loggedIn = async () => {
  const { state = null, verifier = null } = JSON.parse(sessionStorage.getItem(UNDER_WAY)) ?? {}
  const address = location.href
  sessionStorage.removeItem(UNDER_WAY)
  // The code is good once: neither a reload nor a bookmark should show it again.
  history.replaceState(null, '', location.pathname)
  const code = codeFrom(address, state)
  return code === null ? null : OAuth2Session.exchange({ ...options, code, verifier, redirectUri })
}

const keptSession = async () => {
  const token = await load()
  return token === null ? null : new OAuth2Session({ ...options, token })
}

const showLogin = (text) => {
  say(text)
  at('log-in').hidden = false
  at('log-out').hidden = true
  at('sessions').replaceChildren()
}

const showSessions = async (connection) => {
  const { name } = await connection.command('auth/current_user', {})
  const sessions = await connection.command('auth/refresh_tokens', {})
  say(`Logged in as ${name}`)
  at('sessions').replaceChildren(
    ...sessions.map(({ client_id: client, is_current: isThis }) => {
      const item = document.createElement('li')
      item.textContent = isThis ? `${client} (this one)` : (client ?? 'a token')
      return item
    }),
  )
}

const run = async (auth) => {
  at('log-out').hidden = false
  at('log-out').onclick = async () => {
    try {
      await auth.revoke()
    } catch (error) {
      say(`You are still logged in: ${error.message}`)
    }
  }
  const connection = connect(auth, {
    onState: (now) => {
      if (now.state === 'waiting') say('The connection is lost; it comes back by itself.')
      // What the socket was closed in the midst of is asked for again on the next one.
      if (now.state === 'open') showSessions(connection).catch(() => undefined)
    },
  })
  const { next, message } = await connection.closed
  if (next === 'login') {
    await forget()
    showLogin('You are logged out.')
  } else say(message)
}

at('log-in').onclick = logIn
try {
  const auth = (await loggedIn()) ?? (await keptSession())
  if (auth === null) showLogin('You are not logged in.')
  else await run(auth)
} catch (error) {
  showLogin(`The login failed: ${error.message}`)
}
