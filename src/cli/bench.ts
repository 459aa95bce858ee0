/** `latchkey bench`: loads the bench, which knows nothing of the inside, only when it is called. */
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { EX_UNAVAILABLE, EX_USAGE, fail } from './failure.ts'
import { seed } from './seed.ts'

/** What `bench/run.ts` gives; it is built beside the command. */
interface BenchModule {
  run(
    given: { readonly scenarios: readonly string[]; readonly flags: Readonly<Record<string, unknown>> },
    inside: { readonly command: readonly string[]; readonly seed: typeof seed },
  ): Promise<void>
  readonly WrongUse: new (message: string) => Error
  readonly BenchFailed: new (message: string) => Error
}

const load = async (): Promise<BenchModule> =>
  (await import(new URL('../bench/run.js', import.meta.url).href)) as BenchModule

const SELF = [process.execPath, fileURLToPath(new URL('./latchkey.js', import.meta.url))]

const collect = (one: string, all: readonly string[] = []): readonly string[] => [...all, one]

export const benchCommand = (): Command =>
  new Command('bench')
    .description(
      'Measure a gateway under load, as ratios to bare servers in the same run. Without a name every scenario is run.',
    )
    .argument('[scenario...]', 'connect, renew, command, refresh, login, verify, revoke, idle, storm, mixed, scale')
    .option('--transport <names>', 'uws, ws, or both with a comma between (default: both where they load)')
    .option('--rounds <number>', 'turns that each contestant takes (default 9)')
    .option('--slice <ms>', 'milliseconds of a turn (default 400)')
    .option('--open <seconds>', 'seconds of each open loop (default 10)')
    .option('--cores <how>', 'same: server and load on one core; split: on two; free: not pinned (default same)')
    .option('--sockets <number>', 'sockets of idle, storm and revoke (default 10000, 2000 and 1000)')
    .option('--grants <numbers>', 'grants in the database for scale (default 1000,10000,100000,1000000)')
    .option('--url <url>', 'measure this server as well; it speaks the dialect of --dialect')
    .option('--token <token>', 'an access token of that server; may be given again', collect)
    .option('--pid <number>', 'its process, if it runs here: for CPU time and memory')
    .option('--dialect <name>', 'latchkey, homeAssistant, centrifugo, socketIo, graphqlWs or nats (default latchkey)')
    .option(
      '--peer <script>',
      'start another system with a script of bench/peers, and measure it as well; may be given again',
      collect,
    )
    .option('--quick', 'only see that it runs: two short rounds, few sockets')
    .option('--json <file>', 'write what was found as JSON; - for standard output, instead of tables')
    .option('--html <file>', 'write a report with plots that needs no network')
    .action(async (scenarios: string[], flags: Record<string, unknown>) => {
      const { run, WrongUse, BenchFailed } = await load()
      try {
        await run({ scenarios, flags }, { command: SELF, seed })
      } catch (error) {
        if (error instanceof WrongUse) fail(EX_USAGE, error.message)
        if (error instanceof BenchFailed) fail(EX_UNAVAILABLE, error.message)
        throw error
      }
    })
