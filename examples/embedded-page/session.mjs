/** The app's session: kept in a file that nobody but its user can read, and never shown to the page. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { OAuth2Session } from 'latchkey/client'

/** Where the session is kept, as `{ server, clientId, token }`. A phone has a keychain for this. */
export const keepIn = (file) => {
  let isForgotten = false
  const load = async () => {
    try {
      return JSON.parse(await readFile(file, 'utf8'))
    } catch (error) {
      if (error.code === 'ENOENT') return null
      throw error
    }
  }
  return {
    /** Null if there is none. */
    load,
    save: async (kept) => {
      // A refresh that was under way at the log-out does not bring it back.
      if (isForgotten) return
      // Whole or not at all: whoever is ended in the midst of this has a session still.
      const next = `${file}.next`
      await rm(next, { force: true })
      await writeFile(next, JSON.stringify(kept), { mode: 0o600, flag: 'wx' })
      await rename(next, file)
    },
    forget: async () => {
      isForgotten = true
      await rm(file, { force: true })
    },
  }
}

/** How a session of this server and client is loaded and kept. */
export const optionsOf = (store, server, clientId) => ({
  fetch,
  host: server,
  clientId,
  tokenLoader: async () => (await store.load())?.token ?? null,
  tokenUpdater: (token) => store.save({ server, clientId, token }),
})

/** The session that is kept for a server; null if there is none. What another server gave is not shown to this one. */
export const keptSession = async (store, server) => {
  const kept = await store.load()
  if (kept?.server !== server) return null
  return new OAuth2Session({ ...optionsOf(store, server, kept.clientId), token: kept.token })
}
