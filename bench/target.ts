/** What can be measured: a server that speaks one of the dialects, with sessions to use. */
import type { DialectName } from './load/dialects.ts'
import type { Sessions } from './load/loads.ts'

export interface Target {
  /** As it stands in the report. */
  readonly name: string
  readonly url: string
  /** null: it has no sockets. */
  readonly dialect: DialectName | null
  /** Where refresh tokens are refreshed over HTTP (RFC 6749 section 6). */
  readonly tokenPath?: string
  /** null: not on this machine, or not said: no CPU time and no memory are told. */
  readonly pid: number | null
  readonly sessions: Sessions
  /** Tokens of the same sessions that were never shown; null where they cannot be had. */
  readonly unseen: ((count: number) => readonly string[]) | null
  /** Something to log in with; null where passwords are not asked for. */
  readonly login: { readonly username: string; readonly password: string } | null
  /** Ends and starts it again on the same address, as after a crash; null where it is not ours to do so. */
  readonly crash: (() => Promise<void>) | null
  stop(): Promise<void>
}

/** What only the inside of a gateway can do for its bench: given by the command, as nothing here knows the inside. */
export interface Inside {
  /** The program to start, and its arguments up to the options. */
  readonly command: readonly string[]
  /** Makes a data directory that holds a user for each ten grants, and grants. */
  seed(dataDir: string, grants: number): Promise<Seed>
}

export interface Seed {
  readonly clientId: string
  readonly login: { readonly username: string; readonly password: string }
  /** One for each grant, up to the number asked for. */
  refreshTokens(count: number): readonly string[]
  /** Access tokens of the grants in turn: `from` 0 the first of each, and no two alike. */
  accessTokens(count: number, from: number): readonly string[]
}
