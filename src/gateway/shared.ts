/** What connections are made of: what all of a gateway share, and where each comes from. */
import type { Bans } from '../auth/bans.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Log } from '../log.ts'
import type { CloseName } from '../protocol/errors.ts'
import type { Deadlines } from './deadlines.ts'
import type { Dispatch } from './dispatch.ts'
import type { Hub } from './hub.ts'
import type { Metrics } from './metrics.ts'
import type { OutboxLimits } from './outbox.ts'
import type { StandingParts } from './standing.ts'
import type { Watchers } from './watch.ts'

export interface ConnectionOptions {
  readonly haVersion: string
  /** Close with 1000 instead of the 4xxx codes. */
  readonly plainClose: boolean
  /** Bytes of a message before authentication. */
  readonly messageBeforeAuth: number
}

/** What all connections of a gateway share. */
export interface Shared {
  readonly verifier: Verifier
  readonly bans: Bans
  readonly hub: Hub
  readonly commands: Dispatch
  readonly deadlines: Deadlines
  readonly watchers: Watchers
  readonly outboxes: OutboxLimits
  readonly standings: StandingParts
  readonly metrics: Metrics
  readonly log: Log
  readonly options: ConnectionOptions
}

/** Where a socket comes from. */
export interface Origin {
  /** The client's address: the peer's, or what a trusted proxy says. */
  readonly address: string
  /** Whether a page of another origin opened it; asked only where a login begins, as it costs something. */
  readonly isForeign: () => boolean
}

/** Clients that are sent away come back spread over this time. */
export const RECONNECT_SPREAD_MS = 10_000

/** The text of a close: JSON with the time to come back after, where there is one. */
export const closeReason = (name: CloseName, afterMs?: number): string => {
  const spread = name === 'restarting' || name === 'overloaded'
  const after = spread ? Math.floor(Math.random() * RECONNECT_SPREAD_MS) : afterMs
  return after === undefined ? '' : JSON.stringify({ after_ms: after })
}
