/** What the log says of rotating refresh tokens that came in another way than one after the other. */
import type { ShownToken } from '../auth/tokens.ts'
import type { Log } from '../log.ts'

/** Each line has one of these as its `event`. A step is the rule, and none of them. */
const LINES = {
  replay: { level: 'info', event: 'refresh_replayed', text: 'refresh repeated: the same token again' },
  race: { level: 'info', event: 'refresh_raced', text: 'refresh raced: another attempt was first' },
  ahead: { level: 'warn', event: 'refresh_ahead', text: 'refresh token newer than the newest that is kept' },
  reuse: { level: 'warn', event: 'refresh_reuse', text: 'refresh token used twice: the session is over' },
} as const

export const createRotationLog =
  (log: Log) =>
  ({ as, grant: { token }, shown, generation, address }: ShownToken): void => {
    if (as === 'step') return
    const { level, event, text } = LINES[as]
    log[level](
      { event, grant: token.id, user: token.userId, client_id: token.clientId, address, shown, generation },
      text,
    )
  }
