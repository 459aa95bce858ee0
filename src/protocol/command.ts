/** How a command is declared: once, as data. Validation, typings and the answer's shape all follow from the declaration. */
import { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import type { User } from './user.ts'

/**
 * Who may send a command: anyone, also before authentication; anybody whose socket is authenticated and whose account is
 * active; an administrator; or the owner.
 */
export type Needs = 'anyone' | 'user' | 'admin' | 'owner'

/** Codes of the gateway's own table, or an application's own codes with the text of each. */
export type Errors = readonly ErrorCode[] | Readonly<Record<string, string>>

interface Declaration<
  I extends z.ZodRawShape,
  R extends z.ZodType,
  E extends Errors,
  N extends Needs,
  V extends z.ZodType | undefined,
> {
  /** One sentence for the reference. */
  readonly doc: string
  readonly needs: N
  /** The fields besides `id` and `type`. */
  readonly input: I
  readonly result: R
  /** Error codes beyond those that any command can have. */
  readonly errors: E
  /** What each event holds, where events follow the answer: the command is a subscription then. */
  readonly event?: V
  /**
   * Besides `needs`: may this user send it with these fields? `unauthorized` if not. A subscription is judged again
   * whenever rights have changed and at each event, and ends where the answer is no.
   */
  may?(user: User, fields: z.output<z.ZodObject<I>>): boolean
  /** The answer is this frame and no result. */
  readonly reply?: 'pong'
  /** True where the command can revoke the grant of its own socket: its answer goes out before the close. */
  readonly endsSelf?: true
  /**
   * What it does wants a person who proved lately to be there, of those who can step up: always, or, of the gateway's own,
   * where somebody may do more by it than before. `step_up_required` if not.
   */
  readonly sensitive?: 'always' | 'where it widens rights'
}

export interface Command<
  I extends z.ZodRawShape = z.ZodRawShape,
  R extends z.ZodType = z.ZodType,
  E extends Errors = readonly ErrorCode[],
  N extends Needs = Needs,
  V extends z.ZodType | undefined = z.ZodType | undefined,
> extends Declaration<I, R, E, N, V> {
  readonly event: V
  /** `input` with `id` and `type`, all other keys refused. */
  readonly schema: z.ZodType<unknown>
}

/** Declares a command. */
export const command = <
  const I extends z.ZodRawShape,
  R extends z.ZodType,
  const E extends Errors,
  const N extends Needs,
  V extends z.ZodType | undefined = undefined,
>(
  declaration: Declaration<I, R, E, N, V>,
): Command<I, R, E, N, V> => ({
  ...declaration,
  event: declaration.event as V,
  schema: z.strictObject({ id: z.unknown(), type: z.unknown(), ...declaration.input }),
})

/** A field that may be left out; `null` means the same as leaving it out. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => (value === null ? undefined : value))

/** The fields that a handler receives. */
export type InputOf<C> = C extends { readonly input: infer I extends z.ZodRawShape } ? z.output<z.ZodObject<I>> : never
/** The fields that a caller sends. */
export type FieldsOf<C> = C extends { readonly input: infer I extends z.ZodRawShape } ? z.input<z.ZodObject<I>> : never
/** What the answer's `result` holds. */
export type ResultOf<C> = C extends { readonly result: infer R extends z.ZodType } ? z.input<R> : never
