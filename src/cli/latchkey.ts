#!/usr/bin/env node
/** The command `latchkey`. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { backupCommand, restoreCommand } from './backup.ts'
import { benchCommand } from './bench.ts'
import { configCommand } from './config.ts'
import { credentialCommand } from './credential.ts'
import { EX_USAGE } from './failure.ts'
import { serveCommand } from './serve.ts'
import { sessionCommand, tokenCommand } from './session.ts'
import { userCommand } from './user.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('latchkey')
  .description('A WebSocket-first realtime auth gateway.')
  .version(version)
  .addCommand(serveCommand(), { isDefault: true })
  .addCommand(userCommand())
  .addCommand(credentialCommand())
  .addCommand(sessionCommand())
  .addCommand(tokenCommand())
  .addCommand(backupCommand())
  .addCommand(restoreCommand())
  .addCommand(configCommand())
  .addCommand(benchCommand())

// A command that is added takes nothing over from the program.
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)]
for (const command of all(program)) {
  command
    .showHelpAfterError('Run with --help to see what can be given.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EX_USAGE))
}
await program.parseAsync()
