/** Where a command's configuration comes from: its flags, the environment, and the file beside or named. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { ConfigError, type Resolved, resolveConfig } from '../config/config.ts'
import type { ConfigFile } from '../config/file.ts'
import type { Key } from '../config/settings.ts'

/** Read where the command is run, if it is there and no other is named. */
const DEFAULT_FILE = 'latchkey.yaml'

export const flagNames = {
  'server.host': '--host',
  'server.port': '--port',
  'server.transport': '--transport',
  data_dir: '--data-dir',
  log: '--log',
} as const satisfies Partial<Record<Key, string>>

export interface ConfigFlags {
  readonly config?: string
  readonly host?: string
  readonly port?: string
  readonly transport?: string
  readonly dataDir?: string
  readonly log?: string
}

/** Gives a command the flags that `loadConfig` reads. */
export const withConfigFlags = (command: Command): Command =>
  command
    .option('--config <file>', `settings in YAML (default: ${DEFAULT_FILE} in this folder, if it is there)`)
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--port <number>', 'port to listen on; 0 takes a free one, for the admin listener too (default 8123)')
    .option('--transport <name>', 'auto, uws or ws; auto takes uWebSockets.js where it loads, else ws')
    .option('--data-dir <folder>', 'where the database and its secrets are kept (default ./data)')
    .option('--log <format>', 'json or pretty (default: pretty on a terminal, else json)')

const readFile = (path: string): ConfigFile => {
  try {
    // Whoever can write it could point the gateway at a database of theirs.
    if ((statSync(path).mode & 0o022) !== 0) {
      throw new ConfigError([`${path} can be written by others; take that away (chmod go-w)`])
    }
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError([`--config: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
}

/** Throws `ConfigError`. */
export const loadConfig = (flags: ConfigFlags): Resolved => {
  const path = flags.config ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null)
  const given: Partial<Record<Key, string | undefined>> = {
    'server.host': flags.host,
    'server.port': flags.port,
    'server.transport': flags.transport,
    data_dir: flags.dataDir,
    log: flags.log,
  }
  return resolveConfig({
    flags: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    flagNames,
    env: process.env,
    readFile: (name) => readFileSync(name, 'utf8'),
    file: path === null ? null : readFile(path),
  })
}
