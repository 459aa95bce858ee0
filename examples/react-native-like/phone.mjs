/**
 * The phone: runs the app in a context that has what React Native has and nothing else. There is no window, document,
 * localStorage, process or Web Lock in it, and no more of `crypto` than random numbers.
 *
 *   npm run build
 *   LATCHKEY_URL=http://127.0.0.1:8123 KEPT=session.json node --experimental-vm-modules examples/react-native-like/phone.mjs
 *
 * It asks for what the login wants. After that the lines `background` and `active` are the home button.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createContext, SourceTextModule } from 'node:vm'

const { LATCHKEY_URL: url = 'http://127.0.0.1:8123', KEPT: path = 'session.json' } = process.env

// Node 22 has a WebSocket of its own.
const { WebSocket } = globalThis.WebSocket === undefined ? await import('ws') : globalThis

const context = createContext({
  ...{ fetch, Headers, AbortController, URL, URLSearchParams, WebSocket },
  ...{ setTimeout, clearTimeout, queueMicrotask, btoa },
  crypto: { getRandomValues: (array) => crypto.getRandomValues(array) },
})

const modules = new Map()

const load = async (address) => {
  const loaded = modules.get(address)
  if (loaded !== undefined) return loaded
  const source = await readFile(fileURLToPath(address), 'utf8')
  const module = modules.get(address) ?? new SourceTextModule(source, { context, identifier: address })
  modules.set(address, module)
  return module
}

const link = (specifier, { identifier }) =>
  load(specifier.startsWith('.') ? new URL(specifier, identifier).href : import.meta.resolve(specifier))

const app = await load(new URL('app.js', import.meta.url).href)
await app.link(link)
await app.evaluate()

/** One text in a file, which is there whole or not at all. */
const storage = {
  get: () => readFile(path, 'utf8').catch(() => 'null'),
  set: async (text) => {
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await rename(`${path}.new`, path)
  },
  remove: () => rm(path, { force: true }),
}

const say = (line) => console.log(line)
const listeners = []
const asked = []

const ask = async (fields) => {
  const input = {}
  for (const field of fields) {
    say(`${field}?`)
    input[field] = await new Promise((resolve) => asked.push(resolve))
  }
  return input
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const answer = asked.shift()
  if (answer !== undefined) answer(line)
  else for (const listener of listeners) listener(line)
})

say(`ended: ${await app.namespace.run({ url, storage, ask, say, appState: { listen: (call) => listeners.push(call) } })}`)
process.exit()
