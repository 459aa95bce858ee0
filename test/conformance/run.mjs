/** `npm run conformance -- --url URL [--only PATTERN]`: the suite against a server that is already running. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const HELP = `Usage: npm run conformance -- --url URL [--only PATTERN]

Runs the conformance suite against a server, over HTTP and WebSocket alone.

  --url URL        the server's address, as http://127.0.0.1:8123; it must be fresh, without any user
  --only PATTERN   only tests whose name matches, as "17:" for one case

The suite makes the owner and works as the owner: do not point it at a server that somebody uses.
`

const fail = (code, line) => {
  process.stderr.write(`conformance: ${line}\n`)
  process.exit(code)
}

const read = () => {
  try {
    const options = { url: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean' } }
    return parseArgs({ options }).values
  } catch (error) {
    return fail(64, error.message)
  }
}

const { url, only, help } = read()
if (help) {
  process.stdout.write(HELP)
  process.exit(0)
}
if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== 'http:') {
  fail(64, '--url wants the address of a server, as http://127.0.0.1:8123')
}
const { origin } = new URL(url)
const steps = await fetch(`${origin}/api/onboarding`).catch((error) =>
  fail(69, `${origin} does not answer (${error.cause?.code})`),
)
const done = steps.status === 200 ? (await steps.json()).some(({ step, done }) => step === 'user' && done) : true
if (done) fail(69, `${origin} has an owner already; start a fresh server`)

const args = ['node_modules/vitest/vitest.mjs', 'run', 'test/conformance', '--no-file-parallelism']
if (only !== undefined) args.push('-t', only)
const { status } = spawnSync(process.execPath, args, {
  cwd: new URL('../..', import.meta.url),
  env: { ...process.env, LATCHKEY_CONFORMANCE_URL: origin },
  stdio: 'inherit',
})
process.exit(status ?? 1)
