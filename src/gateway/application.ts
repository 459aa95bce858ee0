/** An application's own commands and event types: answered, published and cut off like the gateway's own. */
import type { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { AnyCommand, Application, EventType } from '../protocol/application.ts'
import type { Command, Needs } from '../protocol/command.ts'
import { type ErrorCode, errors as ownErrors } from '../protocol/errors.ts'
import type { User } from '../protocol/user.ts'
import type { Bus } from './bus.ts'
import { describeDeclarations } from './declarations.ts'
import { type Answered, type Context, type May, mayUse, Refusal, stepUpRequired } from './dispatch.ts'
import type { FanOut } from './fan-out.ts'
import type { To } from './handlers.ts'
import { OwnSubscription, Topics } from './own-subscription.ts'

/** What an application brings. */
export interface Brought extends Application {
  readonly handlers?: Readonly<Record<string, (context: never, input: never) => unknown>>
}

/** Throws a `TypeError` with a line for each thing that is wrong. */
export const checkApplication = ({ commands = {}, events = {}, handlers = {} }: Brought): void => {
  const lines = describeDeclarations(commands, events, handlers)
  if (lines.length > 0) throw new TypeError(lines.join('\n'))
}

/** One `User` for each principal, which many sockets share. Frozen: an application can change nobody's rights by accident. */
const createUsers = (): ((who: Principal) => User) => {
  const users = new WeakMap<Principal, User>()
  return (who) => {
    const known = users.get(who)
    if (known !== undefined) return known
    const { userId, name, username, isOwner, isAdmin, permissions } = who
    const user: User = Object.freeze({
      id: userId,
      name,
      username,
      groups: Object.freeze([...who.groups]),
      isOwner,
      isAdmin,
      permissions: Object.freeze({
        check: (category: string, object: string, key: string) => permissions.check(category, object, key),
      }),
    })
    users.set(who, user)
    return user
  }
}

/** What goes out, as JSON text: what the schema makes of what is given. Throws a `TypeError` where it does not fit. */
const textOf = (type: string, schema: z.ZodType, given: unknown): { readonly data: unknown; readonly text: string } => {
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const places = parsed.error.issues.map(
      ({ path, message }) => `${path.map(String).join('.') || 'all of it'}: ${message}`,
    )
    throw new TypeError(`${type}: the event is not what is declared (${places.join('; ')})`)
  }
  const text = JSON.stringify(parsed.data) as string | undefined
  if (text === undefined) throw new TypeError(`${type}: the event is nothing that JSON can hold`)
  return { data: parsed.data, text }
}

const ADDRESSED = ['user', 'session', 'topic']

/** Throws for anything but texts: a name that is misspelt or missing must not make an event everybody's. */
const checkTo = (type: string, to: To, hasTopics: boolean): void => {
  for (const [name, value] of Object.entries(to)) {
    if (!ADDRESSED.includes(name)) throw new TypeError(`${type}: nobody is addressed by ${JSON.stringify(name)}`)
    if (typeof value !== 'string') throw new TypeError(`${type}: ${name} is a text`)
    if (name === 'topic' && !hasTopics) throw new TypeError(`${type}: topics are of subscriptions alone`)
  }
}

/** Who is named; undefined where it is everybody. */
const addressed = ({ user, session }: To): May | undefined =>
  user === undefined && session === undefined
    ? undefined
    : (who) => (user === undefined || who.userId === user) && (session === undefined || who.grantId === session)

/** True if all of these say so; undefined where there are none. */
const all = (...rules: readonly (May | undefined)[]): May | undefined => {
  const given = rules.filter((rule) => rule !== undefined)
  return given.length < 2 ? given[0] : (who) => given.every((rule) => rule(who))
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

export interface ApplicationParts {
  readonly bus: (declared: ReadonlyMap<string, Needs | May>) => Bus
  readonly fanOut: FanOut
  readonly clock: Clock
  readonly log: Log
}

export interface OwnApplication {
  readonly bus: Bus
  readonly commands: ReadonlyMap<string, Answered>
  readonly publish: (type: string, what: unknown, to?: To) => void
}

/** The declarations are to be checked before. */
export const createApplication = (brought: Brought, parts: ApplicationParts): OwnApplication => {
  const { fanOut, clock, log } = parts
  const events = new Map(Object.entries(brought.events ?? {}))
  const declared = new Map(Object.entries(brought.commands ?? {}))
  const topics = new Topics()
  const userOf = createUsers()

  /** A rule of the application. One that throws says no. */
  const judge = (type: string, rule: () => boolean): boolean => {
    try {
      return rule() === true
    } catch (error) {
      log.error({ err: error, type }, 'a rule of the application failed')
      return false
    }
  }

  const mayListen = ({ needs, mayHear }: EventType): Needs | May =>
    // A rule and no level where rights matter: it is not heard while rights are not read again.
    mayHear === undefined ? needs : (who) => mayUse(who, needs)
  const bus = parts.bus(new Map([...events].map(([type, event]) => [type, mayListen(event)])))

  const publish = (type: string, what: unknown, to: To = {}): void => {
    const event = events.get(type)
    const subscription = declared.get(type)?.event
    if (event !== undefined) {
      checkTo(type, to, false)
      const { data, text } = textOf(type, event.data, what)
      const { needs, mayHear } = event
      const level: May | undefined = needs === 'user' ? undefined : (who) => mayUse(who, needs)
      const rule: May | undefined =
        mayHear === undefined ? undefined : (who) => judge(type, () => event.mayHear!(userOf(who), data))
      bus.publish(type, text, clock.now(), all(addressed(to), level, rule))
    } else if (subscription !== undefined) {
      checkTo(type, to, true)
      const { text } = textOf(type, subscription, what)
      const crowd = topics.crowd(type, to.topic)
      if (crowd !== undefined) fanOut.send([crowd], text, addressed(to))
    } else {
      throw new TypeError(`no event type and no subscription ${JSON.stringify(type)} is declared`)
    }
  }

  const refuser =
    (type: string, { errors }: AnyCommand) =>
    (code: string, retryAfterMs?: number): Refusal => {
      const texts = (Array.isArray(errors) ? ownErrors : errors) as Readonly<Record<string, string>>
      const isDeclared = Array.isArray(errors) ? errors.includes(code as ErrorCode) : Object.hasOwn(errors, code)
      if (!isDeclared) throw new TypeError(`${type} declares no error ${JSON.stringify(code)}`)
      return new Refusal(code as ErrorCode, texts[code], retryAfterMs)
    }

  const answered = (type: string, command: AnyCommand): Answered => {
    const answer = brought.handlers![type] as (context: object, input: object) => unknown
    const refuse = refuser(type, command)
    /** Who may send it with these fields, and go on hearing what follows. */
    const ruleOf = (input: object): Needs | May =>
      command.may === undefined
        ? command.needs
        : (who) => mayUse(who, command.needs) && judge(type, () => command.may!(userOf(who), input as never))

    const contextOf = (caller: Context, emit?: (event: unknown) => void): object => ({
      get user() {
        return caller.user === null ? null : userOf(caller.user)
      },
      get sessionId() {
        return caller.user?.grantId ?? null
      },
      address: caller.address,
      refuse,
      publish,
      emit,
    })

    const handler = (caller: Context, message: unknown): unknown => {
      const { id: _, type: __, ...input } = message as Record<string, unknown>
      const rule = ruleOf(input)
      if (!mayUse(caller.user, rule)) return new Refusal('unauthorized')
      if (command.sensitive === 'always' && caller.standing.mustStepUp) return stepUpRequired
      if (command.event === undefined) {
        const value = answer(contextOf(caller), input)
        return isThenable(value) ? Promise.resolve(value) : value
      }
      const { event } = command
      const own = new OwnSubscription({ type, caller, rule, topics, fanOut, log })
      const emit = (given: unknown): void => own.emit(textOf(type, event, given).text)
      const begun = answer(contextOf(caller, emit), input)
      return isThenable(begun) ? Promise.resolve(begun).then((value) => own.begin(value)) : own.begin(begun)
    }
    // Dispatch reads no error codes: whichever these are, they are text to it.
    return { command: command as AnyCommand as Command, handler }
  }

  return {
    bus,
    commands: new Map([...declared].map(([type, command]) => [type, answered(type, command)])),
    publish,
  }
}
