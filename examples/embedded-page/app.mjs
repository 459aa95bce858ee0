/** An app with a page in it: the app holds the session, and gives the page access tokens when it asks for them. */
import { createExternalApp, TokenRefused } from 'latchkey/client'
import { logIn } from './login.mjs'
import { keepIn, keptSession } from './session.mjs'
import { serveSite } from './site.mjs'
import { webViewOf } from './web-view.mjs'

/** Shows the page in a view, and resolves when its user is logged out. */
const show = async ({ session, store, webView, origin, bridge, say }) => {
  let leave
  const left = new Promise((resolve) => {
    leave = resolve
  })
  /** The page gets its answer first, and is left in the next turn. */
  const logOut = async () => {
    await store.forget()
    setImmediate(leave)
  }

  let given = ''
  const app = createExternalApp({
    run: webView.run,
    getToken: async (force) => {
      try {
        // By force: what was given last was refused.
        given = force ? await session.replaceAccessToken(given) : await session.getAccessToken()
      } catch (error) {
        // The session was ended elsewhere. What else goes wrong passes, as a lost network.
        if (error instanceof TokenRefused) await logOut()
        throw error
      }
      return { access_token: given, expires_in: Math.ceil((session.token.expires_at - Date.now()) / 1000) }
    },
    revoke: async () => {
      await session.revoke()
      await logOut()
    },
  })

  await webView.install(bridge, app)
  await webView.show(`${origin}/?external_auth=1`)
  say('The page is shown.')
  await left
}

/**
 * Logs in if it has to, shows the page, and resolves when its user is logged out, or has closed the view and stays logged
 * in. `view` is a page of Playwright's; `say` gets the sentences that are for the user.
 */
export const runApp = async ({ server, file, port, view, bridge, say }) => {
  const closed = new Promise((resolve) => view.once('close', resolve))
  const site = await serveSite(server, port)
  const store = keepIn(file)
  const run = async () => {
    const session = (await keptSession(store, server)) ?? (await logIn({ store, server, site, say }))
    await show({ session, store, webView: webViewOf(view, site.origin), origin: site.origin, bridge, say })
    return 'Logged out.'
  }
  try {
    const end = await Promise.race([run(), closed.then(() => 'Closed.')])
    await view.close()
    say(end)
  } finally {
    site.close()
  }
}
