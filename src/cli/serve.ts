/** `latchkey serve`: starts, says where it listens, and ends well on a signal. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { ConfigError, type Key, readConfig, settings, variableOf } from '../config.ts'
import { createLog, type LogFormat } from '../log.ts'
import { type Running, start } from '../main.ts'
import { StoreRefused } from '../store/store.ts'
import { TlsRefused } from '../transport/tls.ts'
import { EX_UNAVAILABLE, EX_USAGE } from './exit-codes.ts'

interface Flags {
  readonly host?: string
  readonly port?: string
  readonly dataDir?: string
  readonly log?: string
  readonly transport?: string
}

const flagNames: Partial<Record<Key, string>> = {
  'server.host': '--host',
  'server.port': '--port',
  data_dir: '--data-dir',
  log: '--log',
  'server.transport': '--transport',
}

const fail = (code: number, line: string): never => {
  process.stderr.write(`latchkey: ${line}\n`)
  process.exit(code)
}

/** One line for what an operator can put right; anything else is a bug and keeps its trace. */
const explain = (error: unknown): never => {
  if (error instanceof ConfigError) return fail(EX_USAGE, error.message)
  if (error instanceof TlsRefused) return fail(EX_USAGE, error.message)
  if (error instanceof StoreRefused) return fail(EX_UNAVAILABLE, error.message)
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return fail(EX_UNAVAILABLE, `port ${port} on ${address} is in use; choose another --port`)
  if (code === 'EACCES' && port !== undefined)
    return fail(EX_UNAVAILABLE, `port ${port} may not be used by this account`)
  if (code === 'EADDRNOTAVAIL')
    return fail(EX_UNAVAILABLE, `${address} is no address of this machine; choose another --host`)
  throw error
}

const serve = async (flags: Flags): Promise<void> => {
  const given = {
    'server.host': flags.host,
    'server.port': flags.port,
    data_dir: flags.dataDir,
    log: flags.log,
    'server.transport': flags.transport,
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const config = readConfig(set, process.env, (path) => readFileSync(path, 'utf8'), flagNames)
  const format: LogFormat = config.log ?? (process.stdout.isTTY ? 'pretty' : 'json')
  const log = createLog(format)
  const running = await start(config, log, { processMetrics: true })
  // Before the line that says so: whoever waits for it may signal at once.
  heedSignals(running, log)
  const { url, adminUrl, transport, insteadBecause, store, setUpUrl } = running
  const why = insteadBecause === null ? {} : { transport_because: insteadBecause }
  const facts = { url, admin: adminUrl, transport, ...why, store, ...(setUpUrl === null ? {} : { set_up: setUpUrl }) }
  if (format === 'json') log.info(facts, 'listening')
  else {
    const first = setUpUrl === null ? '' : `; no owner yet, set up at ${setUpUrl}`
    const why = insteadBecause === null ? '' : `, as ${insteadBecause}`
    log.info(`listening on ${url} (transport ${transport}${why}, store ${store}, admin ${adminUrl})${first}`)
  }
}

const heedSignals = (running: Running, log: ReturnType<typeof createLog>): void => {
  let asked = false
  const end = (signal: NodeJS.Signals): void => {
    // Somebody who asks twice does not want to wait.
    if (asked) process.exit(1)
    asked = true
    log.info({ signal }, 'stopping')
    running.stop().then(
      () => log.flush(() => process.exit(0)),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly')
        log.flush(() => process.exit(1))
      },
    )
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('SIGHUP', () => void running.renew())
}

/** The command, with every environment variable in its help. */
export const serveCommand = (): Command =>
  new Command('serve')
    .description('Serve the gateway (what happens when no command is given).')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--port <number>', 'port to listen on; 0 takes a free one, for the admin listener too (default 8123)')
    .option('--data-dir <folder>', 'where the database and its secrets are kept (default ./data)')
    .option('--transport <name>', 'auto, uws or ws (default auto: uWebSockets.js where it loads, else ws)')
    .option('--log <format>', 'json or pretty (default: pretty on a terminal, else json)')
    .addHelpText(
      'after',
      `\nEvery setting is also an environment variable; with _FILE at its end it reads the value from a file:\n${(
        Object.keys(settings) as Key[]
      )
        .map((key) => `  ${variableOf(key)}`)
        .join('\n')}`,
    )
    .action((flags: Flags) => serve(flags).catch(explain))
