/**
 * One step of a refresh token that rotates, from the application's store and into it. A step has a name, its attempt, which
 * is kept before it is sent: a lost answer, a crash or a second tab then repeats the step instead of making another, which
 * the server would take for a theft.
 */
import { TokenRefused } from './errors.ts'
import type { Token } from './oauth2.ts'
import { randomText } from './random.ts'

/** A token with the generation of its refresh token. */
export type RotatingToken = Token & { readonly generation: number }

export const isRotating = (token: Token): token is RotatingToken => token.generation !== undefined

/** Another that begins at the same time has kept its attempt by then. */
const RACE_MS = 50

export interface StepParts {
  /** What is kept now. Rejects with `TokenRefused` after a log-out. */
  readonly load: () => Promise<Token>
  /** Keeps a token in the place of the one before. */
  readonly save: (token: Token, before: Token) => Promise<void>
  /** Shows the server a refresh token with its attempt; resolves to the next token. */
  readonly send: (token: Token) => Promise<Token>
  readonly pause: (ms: number) => Promise<void>
  /** What is kept is what was wanted: somebody else has made the step. */
  readonly isEnough: (kept: Token) => boolean
  /** Nobody else is in a step of this session. */
  readonly isAlone: boolean
}

/** A refresh token is its session's name, a dot, and what changes with each step. */
const isSameSession = (a: Token, b: Token): boolean =>
  a.refresh_token.split('.', 1)[0] === b.refresh_token.split('.', 1)[0]

/** Makes the step that follows the kept token; resolves to the token of now, which is kept by then. Rejects as `send` does. */
export const step = async (given: RotatingToken, parts: StepParts): Promise<Token> => {
  const { load, save, send, pause, isEnough, isAlone } = parts

  /** Gives a step its attempt. What is sent is what is kept after that, whoever kept it. */
  const begin = async (kept: Token): Promise<Token> => {
    await save({ ...kept, attempt: randomText() }, kept)
    if (!isAlone) await pause(RACE_MS)
    const now = await load()
    if (now.attempt === undefined && now.refresh_token === kept.refresh_token) {
      throw new TypeError('tokenUpdater has to keep the whole token, with its `attempt`, for tokenLoader to give back')
    }
    return now
  }

  let kept: Token = given
  let isNewAttempt = false
  while (kept.attempt === undefined) {
    kept = await begin(kept)
    isNewAttempt = true
    if (isEnough(kept)) return kept
  }
  let next: Token
  try {
    next = await send(kept)
  } catch (error) {
    const served = error instanceof TokenRefused && error.code === 'invalid_request' && !isNewAttempt
    if (!served) throw error
    // The attempt is that of the step before, or unreadable: whoever kept it has not kept all of the answer.
    kept = await begin(kept)
    if (isEnough(kept)) return kept
    next = await send(kept)
  }
  const stored = await load()
  // Another login took the place of the session meanwhile, and stays.
  if (!isSameSession(stored, next)) return stored
  if (isRotating(stored) && isRotating(next) && stored.generation >= next.generation) {
    const { access_token, expires_in, expires_at } = next
    return { ...stored, access_token, expires_in, expires_at }
  }
  await save(next, stored)
  return next
}
