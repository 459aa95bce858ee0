#!/usr/bin/env node
/** The command `latchkey`. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { serveCommand } from './serve.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

await new Command('latchkey')
  .description('A WebSocket-first realtime auth gateway.')
  .version(version)
  .showHelpAfterError('Run with --help to see what can be given.')
  .addCommand(serveCommand(), { isDefault: true })
  .parseAsync()
