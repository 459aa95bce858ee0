/** `npm run live-sockets`: the suite at its full length, against Latchkey itself or against a server that is already running. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const HELP = `Usage: npm run live-sockets -- [--adapter ADAPTER --url URL] [--lifetime LIFETIME] [--rounds N] [--only ID] [--record]

Asks a system of authenticated sockets what it does when tokens end, sessions are revoked and rights change.

  --adapter ADAPTER    home-assistant, latchkey, or a file of your own; without it Latchkey itself, over each transport
  --url URL            the server's address, as http://127.0.0.1:8123; nobody else may use it
  --lifetime LIFETIME  how that server is configured: session or token is what its sockets live as long as (default: session)
  --rounds N           how often each race is run (default: 200)
  --only ID            one case, as R9
  --record             write test/live-sockets/results/, which docs/live-sockets.md is made from (then: npm run docs)

The suite makes users, and the owner where there is none: do not point it at a server that somebody uses.
`

const fail = (code, line) => {
  process.stderr.write(`live-sockets: ${line}\n`)
  process.exit(code)
}

const read = () => {
  try {
    const text = { type: 'string' }
    const flag = { type: 'boolean' }
    const options = { adapter: text, url: text, lifetime: text, rounds: text, only: text, record: flag, help: flag }
    return parseArgs({ options }).values
  } catch (error) {
    return fail(64, error.message)
  }
}

const { adapter, url, lifetime = 'session', rounds = '200', only, record, help } = read()
if (help) {
  process.stdout.write(HELP)
  process.exit(0)
}
if ((adapter === undefined) !== (url === undefined)) fail(64, '--adapter and --url go together')
if (lifetime !== 'session' && lifetime !== 'token') fail(64, '--lifetime is session or token')
if (!/^[1-9]\d{0,5}$/.test(rounds)) fail(64, '--rounds wants a whole number from 1')
if (record && only !== undefined) fail(64, '--record wants all cases')

const env = { ...process.env, LATCHKEY_LIVE_ROUNDS: rounds }
if (adapter !== undefined) {
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:')
    fail(64, '--url wants an address, as http://127.0.0.1:8123')
  const { origin } = new URL(url)
  await fetch(origin).catch((error) => fail(69, `${origin} does not answer (${error.cause?.code ?? error.message})`))
  const own = fileURLToPath(new URL(`adapters/${adapter}.ts`, import.meta.url))
  const file = existsSync(own) ? own : resolve(process.env.INIT_CWD ?? '.', adapter)
  if (!existsSync(file)) fail(64, `there is no adapter ${adapter}`)
  Object.assign(env, { LATCHKEY_LIVE_URL: origin, LATCHKEY_LIVE_ADAPTER: file, LATCHKEY_LIVE_LIFETIME: lifetime })
}

const reporters = ['verbose', './test/setup/count.ts', ...(record ? ['./test/live-sockets/record.ts'] : [])]
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  'test/live-sockets',
  ...reporters.map((one) => `--reporter=${one}`),
]
if (only !== undefined) args.push('-t', `${only}\\.`)
const { status } = spawnSync(process.execPath, args, { cwd: new URL('../..', import.meta.url), env, stdio: 'inherit' })
process.exit(status ?? 1)
