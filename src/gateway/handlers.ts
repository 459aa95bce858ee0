/** What an application's handlers are given and what they give back, by what the application declares. */
import type { z } from 'zod'
import type { Application, CommandsOf, DataOf, EmittedOf, EventsOf, SubscriptionsOf } from '../protocol/application.ts'
import type { InputOf, ResultOf } from '../protocol/command.ts'
import type { User } from '../protocol/user.ts'
import type { Refusal } from './dispatch.ts'

/** Whom an event is for, of those who listen; all that is said has to be so. */
export interface To {
  /** A user's id. */
  readonly user?: string
  /** A session's id. */
  readonly session?: string
  /** The topic that a subscription was begun with; for events of subscriptions alone. */
  readonly topic?: string
}

/** What can be published: event types, and commands that events follow. */
type Published<App> = keyof EventsOf<App> & string

type Emitted<App> = SubscriptionsOf<CommandsOf<App>>

type WhatOf<App, T> = T extends keyof EventsOf<App>
  ? DataOf<EventsOf<App>[T]>
  : T extends keyof CommandsOf<App>
    ? EmittedOf<CommandsOf<App>[T]>
    : never

/**
 * Sends an event of an event type, or of a subscription, to everybody who listens and may hear it at the moment of its
 * delivery, or to those of them whom `to` names. What the schema makes of `what` is sent. Throws a `TypeError` for what does
 * not fit the declaration; nobody hears it then.
 */
export type Publish<App> = <T extends Published<App> | Emitted<App>>(type: T, what: WhatOf<App, T>, to?: To) => void

type ErrorOf<C> = C extends { readonly errors: infer E }
  ? E extends readonly (infer Code)[]
    ? Code
    : keyof E & string
  : never

type IsOpen<C> = C extends { readonly needs: 'anyone' } ? true : false

/** What a handler knows of its caller. It says what holds now, also after an `await`. */
export interface CommandContext<C, App> {
  /** Who asks; null before authentication, where `needs` is `anyone`. */
  readonly user: IsOpen<C> extends true ? User | null : User
  /** The session that the socket lives on: what `auth/sessions` lists. */
  readonly sessionId: IsOpen<C> extends true ? string | null : string
  /** The client's address. */
  readonly address: string
  /** A "no" to be returned: its code is one that the command declares, its text the one declared with it. */
  refuse(code: ErrorOf<C>, retryAfterMs?: number): Refusal
  readonly publish: Publish<App>
}

/** What a handler of a subscription gets besides. */
export interface SubscriptionContext<C, App> extends CommandContext<C, App> {
  /** Sends an event to this subscriber, after the answer and as long as the subscription lasts. Throws as `publish` does. */
  emit(event: EmittedOf<C>): void
}

/** Called once, when a subscription ends: by its client, with its socket or its session, or because a right is gone. */
type Stop = () => unknown

type Result<C> = null extends ResultOf<C> ? { readonly result?: ResultOf<C> } : { readonly result: ResultOf<C> }

/** A subscription that has begun. `topic`: what `publish` finds it by. */
export type Subscribed<C> = Result<C> & { readonly topic?: string; readonly stop?: Stop }

type Answer<C> = ResultOf<C> | Refusal | (null extends ResultOf<C> ? undefined : never)
type Begun<C> = Subscribed<C> | Refusal | (null extends ResultOf<C> ? Stop : never)

type Handler<C, App> = C extends { readonly event: z.ZodType }
  ? (context: SubscriptionContext<C, App>, input: InputOf<C>) => Begun<C> | Promise<Begun<C>>
  : (context: CommandContext<C, App>, input: InputOf<C>) => Answer<C> | Promise<Answer<C>>

/** What a module declares, without what it exports besides. */
interface Declared<App> {
  readonly commands: CommandsOf<App>
  readonly events: EventsOf<App>
}

/** One handler for each command that the application declares: a missing, misspelt or mistyped one does not compile. */
export type HandlersOf<App extends Application> = {
  readonly [K in keyof CommandsOf<App>]: Handler<CommandsOf<App>[K], Declared<App>>
}
