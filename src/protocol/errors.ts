/** Every error code of a command, every close code of a socket, and what a client does next. */

/**
 * Error codes with the public text that goes with each. Texts are fixed sentences: the detail goes to the log.
 * The codes and texts of Home Assistant are kept to the letter, as its clients show them.
 */
export const errors = {
  id_reuse: 'Identifier values have to increase.',
  invalid_format: 'Message incorrectly formatted.',
  unknown_command: 'Unknown command.',
  unknown_error: 'Unknown error',
  unauthorized: 'Unauthorized',
  not_found: 'Not found.',
  invalid_token_id: 'Received invalid token',
  token_removing_error: 'During removal, an error was raised.',
  home_assistant_error: 'Unknown error',
  user_not_found: 'User not found',
  no_delete_self: 'Unable to delete your own account',
  cannot_delete_owner: 'Unable to delete the owner.',
  cannot_deactivate_owner: 'Unable to deactivate owner.',
  cannot_modify_system_generated: 'Unable to update system generated users.',
  cannot_modify_system_group: 'Unable to change system groups.',
  already_exists: 'The name is taken.',
  system_generated: 'Cannot add credentials to a system generated user.',
  not_pending: 'The user does not wait for approval.',
  credentials_not_found: 'Credentials not found',
  invalid_current_password: 'Invalid current password',
  overloaded: 'Too many password checks are waiting.',
  temporarily_unavailable: 'Temporarily unavailable.',
  rate_limited: 'Too many messages.',
  too_many_subscriptions: 'This socket has too many subscriptions.',
  not_allowed: 'Not allowed.',
  onboarding_required: 'Onboarding not finished',
  identity_mismatch: 'The token is of another user.',
  step_up_required: 'Log in once more on this socket first.',
  invalid_access_token: 'Invalid access token or password',
  invalid_request: 'The request cannot be read.',
  invalid_grant: 'The code or token is not good.',
  unsupported_grant_type: 'The grant type is not known here.',
  access_denied: 'Access denied.',
} as const

export type ErrorCode = keyof typeof errors

/** An error result's `error` member. `retry_after_ms` stands only where waiting helps. */
export interface CommandError {
  readonly code: ErrorCode
  readonly message: string
  readonly retry_after_ms?: number
  /** The three stand together, where clients have a translation of their own. */
  readonly translation_key?: TranslationKey
  readonly translation_placeholders?: Readonly<Record<string, string>> | null
  readonly translation_domain?: 'auth'
}

/** Errors that Home Assistant's frontend translates by a key; all have the code `home_assistant_error`. */
export const translations = {
  username_already_exists: ({ username }: { username: string }) => `Username "${username}" already exists`,
  username_not_normalized: ({ new_username }: { new_username: string }) =>
    `Username "${new_username}" is not normalized. Please make sure the username is lowercase and does not contain any whitespace`,
  user_not_found: () => 'User not found',
  credential_already_exists: () => 'The user already has a username',
  password_empty: () => 'The password must not be empty',
  password_too_weak: () => 'The password is too short, or one of those that are tried first',
} as const

export type TranslationKey = keyof typeof translations

/**
 * Close codes (RFC 6455 section 7.4: 4000 to 4999 are the application's) and what a client does next:
 * `reconnect` with jitter, `refresh` the access token and reconnect, `login` anew, or `stop`.
 * Where a reason holds data it is JSON of at most 123 bytes, as `{"after_ms":1200}`.
 */
export const closes = {
  restarting: { code: 4000, next: 'reconnect', doc: 'The server restarts; the reason holds `after_ms`.' },
  slowReader: { code: 4001, next: 'reconnect', doc: 'The client reads more slowly than it is written to.' },
  overloaded: { code: 4002, next: 'reconnect', doc: 'The server cannot serve now; the reason holds `after_ms`.' },
  tokenExpired: {
    code: 4100,
    next: 'refresh',
    doc: 'The access token has expired, and sockets live no longer than theirs.',
  },
  authTimeout: { code: 4101, next: 'reconnect', doc: 'The client did not authenticate in time.' },
  revoked: { code: 4200, next: 'login', doc: 'The session was ended.' },
  userInactive: {
    code: 4201,
    next: 'login',
    doc: 'The user was deactivated or removed, or may not come from this address.',
  },
  refreshReuse: {
    code: 4203,
    next: 'login',
    doc: 'A refresh token of this session was used twice: somebody else has it.',
  },
  notAuthenticated: { code: 4202, next: 'refresh', doc: 'The access token was refused; follows `auth_invalid`.' },
  malformed: { code: 4300, next: 'stop', doc: 'The message was not JSON, or not an `auth` message where one was due.' },
  banned: { code: 4301, next: 'stop', doc: 'Too many failed logins from this address; the reason holds `after_ms`.' },
  tooMany: { code: 4302, next: 'stop', doc: 'More messages, or pings, than a socket may send.' },
  unsupportedData: { code: 1003, next: 'stop', doc: 'A binary message before authentication.' },
  tooBig: { code: 1009, next: 'stop', doc: 'The message was larger than the server takes.' },
} as const

export type CloseName = keyof typeof closes

/** Errors of the token endpoint (RFC 6749 section 5.2), with the HTTP status each is answered with. */
export const oauthErrors = {
  invalid_request: 400,
  invalid_grant: 400,
  unsupported_grant_type: 400,
  access_denied: 403,
  temporarily_unavailable: 503,
} as const

export type OAuthErrorCode = keyof typeof oauthErrors
