/** The log: one line an event, JSON for machines or readable on a terminal. Never a secret. */
import { type DestinationStream, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type Log = Logger

export type LogFormat = 'json' | 'pretty'

/** A blocked reader of the log must not block the process: what it has not taken is kept up to this, then lost. */
const MAX_BUFFER_BYTES = 4 * 1024 * 1024

/** Names under which a secret could get into a line by mistake. */
const SECRET_NAMES = [
  'access_token',
  'refresh_token',
  'token',
  'password',
  'code',
  'secret',
  'setup_code',
  'authorization',
]

/** A log on standard output. */
export const createLog = (format: LogFormat): Log => {
  const out = pino.destination({ dest: 1, sync: false, maxLength: MAX_BUFFER_BYTES })
  const stream: DestinationStream =
    format === 'json'
      ? out
      : pretty({ destination: out, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', sync: false })
  return pino({ redact: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]) }, stream)
}
