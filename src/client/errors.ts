/** Everything that this library rejects with, each told apart by its class and its `name`. */

/** The command was refused; `code` is the server's error code. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: string
  /** Milliseconds after which it may be asked again; null where waiting does not help. */
  readonly retryAfterMs: number | null

  constructor(code: string, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * The socket ended; `code` and `reason` are its close code (see `closes`) and text. For a command that was under way:
 * whether the server has executed it is not known.
 */
export class SocketClosed extends Error {
  override readonly name = 'SocketClosed'
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`the socket was closed (${code})`)
    this.code = code
    this.reason = reason
  }
}

/**
 * There will be no access token any more: the user has to log in. `code` is the token endpoint's error (`invalid_grant`:
 * the session is over, `access_denied`: the user may not come in), or `logged_out` where the application has no token now.
 */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  readonly code: string

  constructor(code: string, message: string = code) {
    super(message)
    this.code = code
  }
}

/** There is no access token at the moment: the server could not be reached or cannot serve. The session is not over. */
export class TokenUnavailable extends Error {
  override readonly name = 'TokenUnavailable'
  /** The HTTP status; 0 where there was no answer, and over a socket. */
  readonly status: number
  /** Milliseconds that the server asks to wait; null if it said nothing. */
  readonly retryAfterMs: number | null

  constructor(message: string, status = 0, retryAfterMs: number | null = null, cause?: unknown) {
    super(message, { cause })
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** The connection is over for good. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded'
  /**
   * `login`: the session is over or the user may not come in. `stop`: the same would happen again.
   * Null: the application closed it.
   */
  readonly next: 'login' | 'stop' | null

  /** `cause` is what happened last: `SocketClosed`, `TokenRefused`, `CommandFailed`, or a fault of the platform. */
  constructor(next: 'login' | 'stop' | null, cause?: Error) {
    super(cause === undefined ? 'the connection was closed' : `the connection has ended: ${cause.message}`, { cause })
    this.next = next
  }
}
