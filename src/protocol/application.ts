/** What an application declares of its own: commands and event types, in a file that its server and its pages share. */
import type { z } from 'zod'
import type { Command, Errors } from './command.ts'
import type { User } from './user.ts'

/** A command of an application. */
export type AnyCommand = Command<z.ZodRawShape, z.ZodType, Errors>

/** Events that whoever is allowed to hears with `subscribe_events`. */
export interface EventType<D extends z.ZodType = z.ZodType> {
  /** One sentence for whoever reads the declarations. */
  readonly doc: string
  /** Who may subscribe. */
  readonly needs: 'user' | 'admin' | 'owner'
  readonly data: D
  /** Besides `needs`: may this user hear an event with this data? Asked at each delivery, with the rights of that moment. */
  mayHear?(user: User, data: z.output<D>): boolean
}

/** Declares an event type. */
export const eventType = <D extends z.ZodType>(declaration: EventType<D>): EventType<D> => declaration

/** All that an application declares, each under its type: the exports of the module that does. */
export interface Application {
  readonly commands?: Readonly<Record<string, AnyCommand>>
  readonly events?: Readonly<Record<string, EventType>>
}

type Nothing = Readonly<Record<never, never>>

export type CommandsOf<App> = App extends { readonly commands: infer Cs } ? Cs : Nothing
export type EventsOf<App> = App extends { readonly events: infer Es } ? Es : Nothing

/** The types of those commands that events follow. */
export type SubscriptionsOf<Cs> = {
  [K in keyof Cs]: Cs[K] extends { readonly event: z.ZodType } ? K : never
}[keyof Cs] &
  string

/** What an event of a subscription holds when it arrives. */
export type HeardOf<C> = C extends { readonly event: infer V extends z.ZodType } ? z.output<V> : never
/** What an event of a subscription is made of. */
export type EmittedOf<C> = C extends { readonly event: infer V extends z.ZodType } ? z.input<V> : never
/** What the data of a bus event holds when it arrives. */
export type HeardDataOf<E> = E extends { readonly data: infer D extends z.ZodType } ? z.output<D> : never
/** What the data of a bus event is made of. */
export type DataOf<E> = E extends { readonly data: infer D extends z.ZodType } ? z.input<D> : never
