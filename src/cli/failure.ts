/** How a command fails: lines on standard error for what an operator can put right, and an exit code. */
import { ConfigError } from '../config/config.ts'
import { StoreRefused } from '../store/store.ts'
import { TlsRefused } from '../transport/tls.ts'

// By the names of sysexits.h.

/** Wrong use: an argument, a setting. */
export const EX_USAGE = 64
/** The service cannot be had: port taken, directory in use, database refused. */
export const EX_UNAVAILABLE = 69

export const fail = (code: number, ...lines: readonly string[]): never => {
  for (const line of lines) process.stderr.write(`latchkey: ${line}\n`)
  process.exit(code)
}

/** Ends the process with one line for each thing that is to be put right; anything else is a bug and keeps its trace. */
export const explain = (error: unknown): never => {
  if (error instanceof ConfigError) return fail(EX_USAGE, ...error.lines)
  if (error instanceof TlsRefused) return fail(EX_USAGE, error.message)
  if (error instanceof StoreRefused) return fail(EX_UNAVAILABLE, error.message)
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return fail(EX_UNAVAILABLE, `port ${port} on ${address} is in use; choose another --port`)
  if (code === 'EACCES' && port !== undefined)
    return fail(EX_UNAVAILABLE, `port ${port} may not be used by this account`)
  if (code === 'EADDRNOTAVAIL')
    return fail(EX_UNAVAILABLE, `${address} is no address of this machine; choose another --host`)
  throw error
}
