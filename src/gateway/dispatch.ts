/** From a parsed message to its answer: the id rises, the type is known, the caller may, the fields fit, the handler answers. */
import { Banned } from '../auth/bans.ts'
import { Overloaded } from '../auth/hashing.ts'
import type { Principal } from '../auth/principal.ts'
import type { Log } from '../log.ts'
import type { Command, InputOf, Needs, ResultOf } from '../protocol/command.ts'
import { type AllCommands, commands } from '../protocol/commands.ts'
import { type CommandError, type ErrorCode, type TranslationKey, translations } from '../protocol/errors.ts'
import { commandError, failure, isCommandId, pong, result } from '../protocol/frames.ts'
import { isObject } from '../protocol/json.ts'
import { describeIssues } from '../protocol/validation.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { Standing } from './standing.ts'
import { TooManySubscriptions } from './subscriptions.ts'

/** A handler's "no". A value and not an exception: a peer can cause it at will, and it needs no stack trace. */
export class Refusal {
  readonly error: CommandError

  constructor(code: ErrorCode, message?: string, retryAfterMs?: number) {
    this.error = commandError(code, message, retryAfterMs)
  }

  /** A refusal that clients translate by its key. */
  static translated<K extends TranslationKey>(key: K, ...placeholders: Parameters<(typeof translations)[K]>): Refusal {
    const [named = null] = placeholders as readonly [Readonly<Record<string, string>>?]
    const text = (translations[key] as (named: unknown) => string)(named)
    const refusal = new Refusal('home_assistant_error', text)
    Object.assign(refusal.error, {
      translation_key: key,
      translation_placeholders: named,
      translation_domain: 'auth',
    })
    return refusal
  }
}

/** The answer to a sensitive command of somebody who has to prove first to be there. */
export const stepUpRequired = new Refusal('step_up_required')

/** How a command authenticates its own socket, or renews it, after its answer has gone out. */
export interface Entry {
  /** Goes in with this token. `isLogin`: the person has just logged in. */
  with(token: string, isLogin: boolean): void
  /** There is none after all. */
  fail(): void
}

/** What came of going on with another token. */
export type Renewal = 'renewed' | 'refused' | 'identity_mismatch'

/** What a handler knows of a caller who may be anybody. */
export interface AnyContext {
  /** Whose socket it is; null before authentication. */
  readonly user: Principal | null
  /** The client's address. */
  readonly address: string
  /** Opened by a page of another origin. */
  readonly isForeign: boolean
  /** The logins that were begun on this socket, with the client that began each. */
  readonly logins: Map<string, string>
  /** A login was begun or has ended: the time to authenticate follows. */
  loginsChanged(): void
  /** What arrives from now on waits until this command knows whether it can authenticate the socket. */
  enter(): Entry
  /**
   * Goes on as another session; the outcome is known in the turn of the token's last check, at once for a known one.
   * `isLogin`: the person has just logged in.
   */
  renew(token: string, isLogin: boolean): Renewal | Promise<Renewal>
  /** The id of the command that is being answered, until the handler's first `await`. */
  readonly lastId: number
  /**
   * Keeps a subscription under a command's id, this one's if none is named; `stop` is called when it or the socket ends, or who
   * hears it may not any more.
   */
  subscribe(needs: Needs | May, stop: () => void, id?: number): void
  /** False: this socket has no such subscription. */
  unsubscribe(id: number): boolean
  /** Sends an event to a subscription, if there still is one, and if `may` says so of who has it then. */
  deliver(id: number, text: string, may?: May): void
}

/** What a handler knows of a caller who is authenticated. */
export interface Context extends AnyContext {
  readonly who: Principal
  readonly standing: Standing
  /** Called by `supported_features`. */
  setFeatures(features: Readonly<Record<string, number | boolean>>): void
}

/** A rule that is no level: whom something is for. */
export type May = (who: Principal) => boolean

export const mayUse = (who: Principal | null, needs: Needs | May): boolean => {
  if (needs === 'anyone') return true
  if (who === null) return false
  if (typeof needs === 'function') return needs(who)
  return needs === 'user' || (needs === 'admin' ? who.isAdmin : who.isOwner)
}

/** One handler for each command, of the declared shape: a missing, misspelt or mistyped one does not compile. */
export type Handlers<Cs> = {
  readonly [K in keyof Cs]: (
    context: Context,
    input: InputOf<Cs[K]>,
  ) => ResultOf<Cs[K]> | Refusal | Promise<ResultOf<Cs[K]> | Refusal>
}

/** Handlers of commands that anyone may send: they are not given what only an authenticated caller has. */
export type AnyHandlers<Cs> = {
  readonly [K in keyof Cs]: (
    context: AnyContext,
    input: InputOf<Cs[K]>,
  ) => ResultOf<Cs[K]> | Refusal | Promise<ResultOf<Cs[K]> | Refusal>
}

/** The socket's side of a conversation, as dispatch needs it. */
export interface Caller extends Context {
  /** The last id that was accepted. */
  lastId: number
  reply(text: string, command?: Command): void
  /** A handler that answers later has begun; `done` is called when its answer was given to `reply`. */
  begin(command: Command): () => void
}

/** Milliseconds after which a caller may ask again for what the store could not answer. */
const RETRY_AFTER_MS = 1000

/** A command and what answers it. */
export interface Answered {
  readonly command: Command
  readonly handler: (context: Context, input: unknown) => unknown
}

export interface Dispatch {
  /** True for a message that can be a command which anyone may send. */
  isOpenCommand(message: unknown): boolean
  /** Answers one message of the command phase, at once or later, exactly once. */
  dispatch(caller: Caller, message: unknown): void
}

export interface DispatchOptions {
  readonly handlers: Handlers<AllCommands>
  /** An application's commands, by their types. */
  readonly own: ReadonlyMap<string, Answered>
  readonly log: Log
  /** Tests: parse every answer against its declaration, and fail loudly. */
  readonly strict: boolean
}

export const createDispatch = ({ handlers, own, log, strict }: DispatchOptions): Dispatch => {
  const byType = new Map<string, Answered>(own)
  for (const [type, command] of commands) {
    byType.set(type, { command, handler: handlers[type as keyof AllCommands] as Answered['handler'] })
  }

  const answer = (id: number, type: string, command: Command, value: unknown): string => {
    if (value instanceof Refusal) return failure(id, value.error)
    if (strict) {
      const checked = command.result.safeParse(value ?? null)
      if (!checked.success) throw new TypeError(`${type} answered with another shape: ${checked.error.message}`)
    }
    return command.reply === 'pong' ? pong(id) : result(id, value)
  }

  const fault = (caller: Caller, id: number, type: string, error: unknown): string => {
    // Who hears that it failed listens to nothing: what was begun for it is over.
    caller.unsubscribe(id)
    if (error instanceof StoreUnavailable) {
      log.warn({ err: error, command: type }, 'store unavailable')
      return failure(id, commandError('temporarily_unavailable', undefined, RETRY_AFTER_MS))
    }
    if (error instanceof TooManySubscriptions) return failure(id, commandError('too_many_subscriptions'))
    if (error instanceof Banned) return failure(id, commandError('overloaded', undefined, error.remainingMs))
    if (error instanceof Overloaded) return failure(id, commandError('overloaded', undefined, error.retryAfterMs))
    log.error({ err: error, command: type }, 'command failed')
    return failure(id, commandError('unknown_error'))
  }

  const later = async (caller: Caller, id: number, type: string, command: Command, value: Promise<unknown>) => {
    const done = caller.begin(command)
    let text: string
    try {
      text = answer(id, type, command, await value)
    } catch (error) {
      text = fault(caller, id, type, error)
    }
    caller.reply(text, command)
    done()
  }

  const isOpenCommand = (message: unknown): boolean =>
    isObject(message) &&
    isCommandId(message['id']) &&
    typeof message['type'] === 'string' &&
    byType.get(message['type'])?.command.needs === 'anyone'

  const dispatch = (caller: Caller, message: unknown): void => {
    if (!isObject(message)) {
      caller.reply(failure(0, commandError('invalid_format')))
      return
    }
    const { id, type } = message
    if (!isCommandId(id) || typeof type !== 'string' || type === '') {
      caller.reply(failure(id, commandError('invalid_format')))
      return
    }
    if (id <= caller.lastId) {
      caller.reply(failure(id, commandError('id_reuse')))
      return
    }
    const found = byType.get(type)
    if (found === undefined) {
      caller.reply(failure(id, commandError('unknown_command')))
      return
    }
    const { command, handler } = found
    caller.lastId = id
    try {
      // An application's schema may throw: it stands inside.
      const parsed = command.schema.safeParse(message)
      if (!parsed.success) {
        caller.reply(failure(id, commandError('invalid_format', describeIssues(parsed.error, message))))
        return
      }
      if (!mayUse(caller.user, command.needs)) {
        caller.reply(failure(id, commandError('unauthorized')))
        return
      }
      // A rule is judged before this, with its command.
      if (command.sensitive === 'always' && command.may === undefined && caller.standing.mustStepUp) {
        caller.reply(failure(id, stepUpRequired.error))
        return
      }
      const value = handler(caller, parsed.data)
      if (value instanceof Promise) void later(caller, id, type, command, value)
      else caller.reply(answer(id, type, command, value), command)
    } catch (error) {
      caller.reply(fault(caller, id, type, error), command)
    }
  }

  return { isOpenCommand, dispatch }
}
