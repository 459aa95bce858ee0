/** What all connections of a gateway share. */
import type { CloseName } from '../protocol/errors.ts'
import type { Authentication } from './authentication.ts'
import type { Connection } from './connection.ts'
import type { Deadlines } from './deadlines.ts'
import type { Dispatch } from './dispatch.ts'
import type { Hub } from './hub.ts'
import type { Metrics } from './metrics.ts'
import type { OutboxLimits } from './outbox.ts'
import type { Roster } from './roster.ts'
import type { StandingParts } from './standing.ts'
import type { Watchers } from './watch.ts'

export interface ConnectionOptions {
  /** Close with 1000 instead of the 4xxx codes. */
  readonly plainClose: boolean
  /** Bytes of a message before authentication. */
  readonly messageBeforeAuth: number
}

/** What all connections of a gateway share. */
export interface Shared {
  readonly authentication: Authentication
  readonly hub: Hub
  /** All that are open. */
  readonly connections: Roster<Connection>
  /** Called once for each, when its socket is gone. */
  left(connection: Connection): void
  readonly commands: Dispatch
  readonly deadlines: Deadlines
  readonly watchers: Watchers
  readonly outboxes: OutboxLimits
  readonly standings: StandingParts
  readonly metrics: Metrics
  /** The first message of every socket, and the answer to a good token. */
  readonly greeting: string
  readonly welcome: string
  readonly options: ConnectionOptions
}

/** Clients that are sent away come back spread over this time. */
export const RECONNECT_SPREAD_MS = 10_000

/** The text of a close: JSON with the time to come back after, where there is one. */
export const closeReason = (name: CloseName, afterMs?: number): string => {
  const spread = name === 'restarting' || name === 'overloaded'
  const after = spread ? Math.floor(Math.random() * RECONNECT_SPREAD_MS) : afterMs
  return after === undefined ? '' : JSON.stringify({ after_ms: after })
}
