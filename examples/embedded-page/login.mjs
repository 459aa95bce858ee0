/** A login in the user's own browser (RFC 8252): the app sees no password, and the answer comes to its loopback address. */
import { authorize, codeFrom, OAuth2Session } from 'latchkey/client'
import { optionsOf } from './session.mjs'

/** Asks the user to log in, and waits until they have. Resolves to a session that is kept. */
export const logIn = async ({ store, server, site, say }) => {
  const clientId = `${site.origin}/`
  const redirectUri = `${site.origin}/login`
  const { url, state, verifier } = await authorize({ host: server, clientId, redirectUri })
  const answer = new Promise((resolve, reject) => {
    site.onLogin((address) => {
      try {
        resolve(codeFrom(address, state))
      } catch (error) {
        // Anything on this machine can ask a loopback address: it ends no login that it does not know.
        if (error.code === 'wrong_state') return false
        reject(error)
      }
      return true
    })
  })
  say(`Log in at ${url}`)
  const code = await answer
  return OAuth2Session.exchange({ ...optionsOf(store, server, clientId), code, verifier, redirectUri })
}
