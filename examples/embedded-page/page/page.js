/** A page that an app shows. It has no login and keeps nothing: the app gives it access tokens, and logs out for it. */
import { connect, ExternalAuth, hasExternalApp } from '/latchkey/client/index.js'

const at = (id) => document.getElementById(id)

const say = (text, isLive = false) => {
  at('status').textContent = text
  at('status').classList.toggle('live', isLive)
}

const make = (tag, text, ...children) => {
  const element = document.createElement(tag)
  element.append(text, ...children)
  return element
}

const dayOf = (instant) => new Date(instant).toLocaleDateString([], { dateStyle: 'medium' })
const timeOf = (instant) => new Date(instant).toLocaleTimeString([], { timeStyle: 'short' })

const showSessions = (sessions) =>
  at('sessions').replaceChildren(
    ...sessions.map(({ client_id: client, client_name: name, created_at: since, is_current: isThis, sockets }) => {
      const where = isThis ? 'This app' : (name ?? client ?? 'A token')
      const now = sockets.length > 0 ? 'connected now' : 'not connected'
      return make('li', make('strong', where), make('small', `since ${dayOf(since)}, ${now}`))
    }),
  )

const SENTENCES = {
  session_added: 'You logged in somewhere',
  session_removed: 'A login has ended',
  user_changed: 'Your account was changed',
}

const showEvent = ({ type, at: instant }) => {
  const sentence = SENTENCES[type]
  if (sentence === undefined) return
  at('nothing').hidden = true
  at('events').prepend(make('li', make('time', timeOf(instant)), make('span', sentence)))
}

const run = async () => {
  const { server } = await (await fetch('/config.json')).json()
  const auth = new ExternalAuth({ fetch, host: server })

  const showAll = async () => {
    const [{ name }, { items }] = await Promise.all([
      connection.command('auth/current_user', {}),
      connection.command('auth/sessions', {}),
    ])
    at('name').textContent = `Hello, ${name}`
    showSessions(items)
  }
  // What the socket was closed in the midst of is asked for again on the next one.
  const refresh = () => showAll().catch(() => undefined)

  const connection = connect(auth, {
    onState: ({ state }) => {
      if (state === 'waiting') say('The connection is lost; it comes back by itself.')
      if (state === 'open') {
        say('Connected', true)
        refresh()
      }
    },
  })
  connection
    .subscribe('auth/subscribe', {}, (event) => {
      showEvent(event)
      refresh()
    })
    .catch(() => undefined)

  at('log-out').hidden = false
  at('log-out').onclick = async () => {
    try {
      await auth.revoke()
    } catch (error) {
      say(`You are still logged in: ${error.message}.`)
    }
  }

  const { next, message } = await connection.closed
  at('log-out').hidden = true
  say(next === 'login' ? 'You are logged out.' : message)
  // Ended here or elsewhere: the app is not to keep what is left of the session.
  if (next === 'login') auth.revoke().catch(() => undefined)
}

if (hasExternalApp()) run()
else say('This page has no login of its own: it is shown by an app.')
