/**
 * An app on a phone: it logs in over a socket alone, keeps a session whose refresh token rotates, and has a socket for as
 * long as it is in the foreground. There is no page here, no cookie and no storage but the one that is given.
 */
import { connect, OAuth2Session, openSocket } from 'latchkey/client'

/** The app's own address. Nobody is sent there: the code of the login comes over the socket. */
const CLIENT_ID = 'https://phone.example/'

/**
 * `storage` keeps one text, as the phone's key store does (`get`, `set`, `remove`), `ask` has somebody fill in fields,
 * `say` shows a line, and `appState` calls whoever listens with `active` or `background`.
 */
export const run = async ({ url, storage, ask, say, appState }) => {
  const load = async () => JSON.parse(await storage.get())
  // The whole value: with a refresh under way it holds the attempt that names it.
  const save = (token) => storage.set(JSON.stringify(token))
  const options = { fetch, host: url, clientId: CLIENT_ID, tokenLoader: load, tokenUpdater: save }

  const logIn = async () => {
    const socket = await openSocket({ url, accessToken: null })
    try {
      let step = await socket.command('auth/login_flow', { client_id: CLIENT_ID, handler: ['homeassistant', null] })
      while (step.type === 'form') {
        if (step.errors.base !== undefined) say(`refused: ${step.errors.base}`)
        if (step.data_schema.length === 0) throw new Error(`the login waits: ${step.step_id}`)
        const user_input = await ask(step.data_schema.map(({ name }) => name))
        step = await socket.command('auth/login_flow/step', { flow_id: step.flow_id, user_input })
      }
      if (step.type === 'abort') throw new Error(`the login ended: ${step.reason}`)
      const login = { code: step.result, verifier: null, redirectUri: CLIENT_ID, rotate: true, socket }
      return await OAuth2Session.exchange({ ...options, ...login })
    } finally {
      socket.close()
    }
  }

  const kept = await load()
  const session = kept === null ? await logIn() : new OAuth2Session({ ...options, token: kept })
  say(kept === null ? 'logged in' : 'the session goes on')

  const greet = async (connection) => {
    const { name } = await connection.command('auth/current_user', {})
    say(`connected as ${name}`)
  }

  return new Promise((resolve) => {
    let connection = null
    const foreground = () => {
      if (connection !== null) return
      const opened = connect(session, {
        onState: (now) => {
          if (now.state === 'waiting') say(`lost: ${now.error.message}`)
          // What the socket falls in the midst of is asked for again on the next one.
          if (now.state === 'open') greet(opened).catch(() => undefined)
        },
      })
      connection = opened
      opened.closed.then(async ({ next, message }) => {
        if (next === null) return
        if (next === 'login') await storage.remove()
        resolve(message)
      })
    }
    // The system stops an app that is not seen, and its sockets with it: a socket that is closed is none that hangs.
    const background = () => {
      connection?.close()
      connection = null
      say('in the background')
    }
    appState.listen((state) => (state === 'active' ? foreground() : background()))
    foreground()
  })
}
