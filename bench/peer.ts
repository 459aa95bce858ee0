/** Another system, started by a script of its own, which says where it listens and who may come in. */
import { type DialectName, dialects } from './load/dialects.ts'
import { WrongUse } from './options.ts'
import { pin, startProcess } from './process.ts'
import type { Target } from './target.ts'

/** The line that a script prints once its system serves. */
interface PeerLine {
  readonly name: string
  readonly url: string
  /** null: it has no sockets. */
  readonly dialect: string | null
  readonly tokens: readonly string[]
  readonly refreshTokens?: readonly string[]
  readonly clientId?: string
  readonly tokenPath?: string
  /** The system's process, if it is not the script's. */
  readonly pid?: number
}

/** Rejects with `WrongUse` and the script's own words where the system cannot be had. */
export const startPeer = async (script: string, core: string | null): Promise<Target> => {
  const started = await startProcess(script, []).catch((error: Error) => {
    throw new WrongUse(`--peer ${script}: ${error.message}`)
  })
  const {
    name,
    url,
    dialect,
    pid = started.pid,
    tokenPath = '/auth/token',
    ...sessions
  } = started.line as unknown as PeerLine
  if (dialect !== null && !(dialect in dialects))
    throw new WrongUse(`--peer ${script}: its dialect ${dialect} is not known`)
  if (core !== null) pin(pid, core)
  return {
    name,
    url,
    dialect: dialect as DialectName | null,
    tokenPath,
    pid,
    sessions,
    unseen: null,
    login: null,
    crash: null,
    stop: () => started.stop(),
  }
}
