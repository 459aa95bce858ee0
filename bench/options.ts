/** What `latchkey bench` was asked for, read and checked. */
import { type DialectName, dialects } from './load/dialects.ts'
import type { BenchOptions } from './scenario.ts'

/** Said to the person who gave it, in one line. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse'
}

type Flags = Readonly<Record<string, unknown>>

export interface Attached {
  readonly url: string
  readonly tokens: readonly string[]
  readonly dialect: DialectName
  readonly pid: number | null
}

export interface Asked {
  readonly options: BenchOptions
  readonly attached: Attached | null
  /** Scripts that start other systems. */
  readonly peers: readonly string[]
  readonly json: string | null
  readonly html: string | null
}

const FULL: BenchOptions = {
  transports: ['uws', 'ws'],
  rounds: 9,
  sliceMs: 400,
  openSeconds: 10,
  sockets: { idle: 10_000, storm: 2000, revoke: 1000 },
  grants: [1000, 10_000, 100_000, 1_000_000],
  cores: 'same',
}

const QUICK: BenchOptions = {
  ...FULL,
  rounds: 2,
  sliceMs: 80,
  openSeconds: 1,
  sockets: { idle: 200, storm: 100, revoke: 50 },
  grants: [100, 1000],
}

const numberOf = (flags: Flags, name: string, least: number): number | undefined => {
  const given = flags[name]
  if (given === undefined) return undefined
  const number = Number(given)
  if (!Number.isInteger(number) || number < least) {
    throw new WrongUse(`--${name} ${String(given)}: a whole number from ${least} on is wanted`)
  }
  return number
}

const listOf = (flags: Flags, name: string): readonly string[] | undefined =>
  flags[name] === undefined ? undefined : String(flags[name]).split(',')

const oneOf = <T extends string>(flags: Flags, name: string, known: readonly T[]): T | undefined => {
  const given = flags[name]
  if (given === undefined) return undefined
  if (!known.includes(given as T)) throw new WrongUse(`--${name} ${String(given)}: known are ${known.join(', ')}`)
  return given as T
}

const transportsOf = (flags: Flags): readonly ('uws' | 'ws')[] | undefined =>
  listOf(flags, 'transport')?.map((name) => {
    if (name !== 'uws' && name !== 'ws') throw new WrongUse(`--transport ${name}: known are uws, ws`)
    return name
  })

const grantsOf = (flags: Flags): readonly number[] | undefined =>
  listOf(flags, 'grants')?.map((text) => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < 1) throw new WrongUse(`--grants ${text}: whole numbers are wanted`)
    return number
  })

const attachedOf = (flags: Flags): Attached | null => {
  const { url, token } = flags as { url?: string; token?: readonly string[] }
  if (url === undefined) {
    if (token !== undefined) throw new WrongUse('--token belongs to a server that --url names')
    return null
  }
  if (!/^http:\/\/[^/]+$/.test(url)) throw new WrongUse(`--url ${url}: an address as http://127.0.0.1:8123 is wanted`)
  if (token === undefined) throw new WrongUse('--url needs a --token that its server takes')
  const dialect = oneOf(flags, 'dialect', Object.keys(dialects) as DialectName[]) ?? 'latchkey'
  return { url, tokens: token, dialect, pid: numberOf(flags, 'pid', 1) ?? null }
}

/** Throws `WrongUse`. */
export const readFlags = (flags: Flags): Asked => {
  const defaults = flags['quick'] === true ? QUICK : FULL
  const sockets = numberOf(flags, 'sockets', 1)
  return {
    options: {
      transports: transportsOf(flags) ?? defaults.transports,
      rounds: numberOf(flags, 'rounds', 1) ?? defaults.rounds,
      sliceMs: numberOf(flags, 'slice', 10) ?? defaults.sliceMs,
      openSeconds: numberOf(flags, 'open', 1) ?? defaults.openSeconds,
      sockets: sockets === undefined ? defaults.sockets : { idle: sockets, storm: sockets, revoke: sockets },
      grants: grantsOf(flags) ?? defaults.grants,
      cores: oneOf(flags, 'cores', ['same', 'split', 'free'] as const) ?? defaults.cores,
    },
    attached: attachedOf(flags),
    peers: (flags['peer'] as readonly string[] | undefined) ?? [],
    json: (flags['json'] as string | undefined) ?? null,
    html: (flags['html'] as string | undefined) ?? null,
  }
}
