/** How a command is declared: once, as data. Validation, typings and the answer's shape all follow from the declaration. */
import { z } from 'zod'
import type { ErrorCode } from './errors.ts'

/**
 * Who may send a command: anyone, also before authentication; anybody whose socket is authenticated and whose account is
 * active; an administrator; or the owner.
 */
export type Needs = 'anyone' | 'user' | 'admin' | 'owner'

export interface Command<I extends z.ZodRawShape = z.ZodRawShape, R extends z.ZodType = z.ZodType> {
  /** One sentence for the reference. */
  readonly doc: string
  readonly needs: Needs
  /** The fields besides `id` and `type`. */
  readonly input: I
  readonly result: R
  /** Error codes beyond those that any command can have. */
  readonly errors: readonly ErrorCode[]
  /** The answer is this frame and no result. */
  readonly reply?: 'pong'
  /** True where the command can revoke the grant of its own socket: its answer goes out before the close. */
  readonly endsSelf?: true
  /** `input` with `id` and `type`, all other keys refused. */
  readonly schema: z.ZodType<unknown>
}

/** Declares a command. */
export const command = <const I extends z.ZodRawShape, R extends z.ZodType>(
  declaration: Omit<Command<I, R>, 'schema'>,
): Command<I, R> => ({
  ...declaration,
  schema: z.strictObject({ id: z.unknown(), type: z.unknown(), ...declaration.input }),
})

/** A field that may be left out; `null` means the same as leaving it out. */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => (value === null ? undefined : value))

/** The fields that a handler receives. */
export type InputOf<C> = C extends Command<infer I, z.ZodType> ? z.output<z.ZodObject<I>> : never
/** The fields that a caller sends. */
export type FieldsOf<C> = C extends Command<infer I, z.ZodType> ? z.input<z.ZodObject<I>> : never
/** What the answer's `result` holds. */
export type ResultOf<C> = C extends Command<z.ZodRawShape, infer R> ? z.input<R> : never
