/** The configuration: flags win over the environment, that over the file, that over the defaults. */
import type { z } from 'zod'
import { fromEnvironment } from './environment.ts'
import { type ConfigFile, fromFile } from './file.ts'
import type { Given } from './given.ts'
import { type ConfigObject, fromObject } from './object.ts'
import { type Config, defaultOf, isLoopbackHost, type Key, settings } from './settings.ts'

/** Settings that cannot be used: one line for each, which names it and says what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

export interface Sources {
  readonly flags?: Readonly<Partial<Record<Key, string>>>
  /** How the flags are spelt, for messages. */
  readonly flagNames?: Readonly<Partial<Record<Key, string>>>
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Reads what a variable with `_FILE` names. */
  readonly readFile?: (path: string) => string
  readonly file?: ConfigFile | null
  /** What a program gives in the place of a file. */
  readonly object?: ConfigObject
}

/** A setting as it is in force. */
export interface Effective {
  readonly key: Key
  /** null: not set, and there is no default. */
  readonly value: string | null
  /** A flag, a variable, a file with its line, or `default`. */
  readonly source: string
}

export interface Resolved {
  readonly config: Config
  readonly effective: readonly Effective[]
}

/** Throws `ConfigError` with everything that is wrong. */
export const resolveConfig = (sources: Sources): Resolved => {
  const { flags = {}, flagNames = {}, env = {}, readFile, file, object } = sources
  const problems: string[] = []
  const problem = (line: string): void => void problems.push(line)
  const given = new Map<Key, Given>(file ? fromFile(file, problem) : object ? fromObject(object, problem) : [])
  for (const [key, value] of fromEnvironment(env, readFile ?? (() => ''), problem)) given.set(key, value)
  for (const [key, value] of Object.entries(flags) as [Key, string | undefined][]) {
    if (value !== undefined) given.set(key, { value, source: flagNames[key] ?? key })
  }
  const config: Record<string, unknown> = {}
  const effective: Effective[] = []
  for (const [key, schema] of Object.entries(settings) as [Key, z.ZodType][]) {
    const found = given.get(key)
    const parsed = schema.safeParse(found?.value)
    // A default that does not fit is a mistake here, not the operator's.
    if (!parsed.success && found === undefined) throw new TypeError(`default of ${key}: ${parsed.error.message}`)
    if (!parsed.success) {
      const { value, source } = found!
      problem(`${source}: ${key} must be ${parsed.error.issues[0]!.message}, not ${JSON.stringify(value)}`)
    }
    config[key] = parsed.data
    effective.push({ key, value: found?.value ?? defaultOf(key), source: found?.source ?? 'default' })
  }
  if (problems.length === 0) problems.push(...unsafe(config as Config))
  if (problems.length > 0) throw new ConfigError(problems)
  return { config: config as Config, effective }
}

export const readConfig = (sources: Sources = {}): Config => resolveConfig(sources).config

/** What is wrong where each value is right and all of them together are not. */
const unsafe = (config: Config): string[] => {
  const problems: string[] = []
  const cert = config['server.tls.cert']
  const key = config['server.tls.key']
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    problems.push(`server.tls.${given} is set and server.tls.${missing} is not: TLS needs both files`)
  }
  const host = config['server.host']
  const behindProxy = config['server.behind_tls_proxy']
  if (cert === undefined && !behindProxy && !isLoopbackHost(host)) {
    problems.push(
      `server.host is ${JSON.stringify(host)}: another address than loopback needs server.tls.cert and server.tls.key, or server.behind_tls_proxy`,
    )
  }
  if (behindProxy && cert !== undefined) {
    problems.push('server.behind_tls_proxy and server.tls.cert are both set: TLS ends at the proxy or here')
  }
  if (behindProxy && config['server.trusted_proxies'].length === 0) {
    problems.push('server.behind_tls_proxy needs server.trusted_proxies: everybody would have the address of the proxy')
  }
  return problems
}
