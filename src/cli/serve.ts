/** `latchkey serve`: starts, says where it listens, and ends well on a signal. */
import { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { variableOf } from '../config/environment.ts'
import { type Key, settings } from '../config/settings.ts'
import { createLog, type LogFormat } from '../log.ts'
import { type Running, start } from '../main.ts'
import { nodeWarning } from '../node-version.ts'
import { type ConfigFlags, loadConfig, withConfigFlags } from './configuration.ts'
import { explain } from './failure.ts'
import { lastResort } from './last-resort.ts'

const serve = async (flags: ConfigFlags): Promise<void> => {
  const { config } = loadConfig(flags)
  const format: LogFormat = config.log ?? (process.stdout.isTTY ? 'pretty' : 'json')
  const log = createLog(format)
  const running = await start(config, log, { processMetrics: true })
  // Before the line that says so: whoever waits for it may signal at once.
  heedSignals(running, log)
  const outdated = nodeWarning(process.version)
  if (outdated !== null) log.warn(outdated)
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
  const end = (reason: string, code = 0): void => {
    // Somebody who asks twice does not want to wait.
    if (asked) process.exit(1)
    asked = true
    log.info({ reason }, 'stopping')
    running.stop().then(
      () => log.flush(() => process.exit(code)),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly')
        log.flush(() => process.exit(1))
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal))
  process.on('SIGHUP', () => void running.renew())
  const fault = lastResort(systemClock, () => end('too many faults', 1))
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.error({ err: error }, `${event}: a fault of ours`)
      fault()
    })
  }
}

/** The command, with every environment variable in its help. */
export const serveCommand = (): Command =>
  withConfigFlags(new Command('serve'))
    .description('Serve the gateway (what happens when no command is given).')
    .addHelpText(
      'after',
      `\nFlags win over the environment, the environment over the file. latchkey.example.yaml has every setting with its
default; each is also an environment variable, and with _FILE at its end that reads the value from a file:\n${(
        Object.keys(settings) as Key[]
      )
        .map((key) => `  ${variableOf(key)}`)
        .join('\n')}`,
    )
    .action((flags: ConfigFlags) => serve(flags).catch(explain))
