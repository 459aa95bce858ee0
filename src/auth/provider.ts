/** What an auth provider is: it turns what a person types into a name that it stands for. */
import type { FormField } from '../protocol/http.ts'

/** What a provider makes of an input. */
export type Verdict =
  /** Not the fields that were asked for: nothing was judged. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'refused'; readonly error: 'invalid_auth' }
  /** The person is the one whom this provider knows as `subject`; a user who is made for it gets this name. */
  | { readonly kind: 'identity'; readonly subject: string; readonly name: string }

export interface AuthProvider {
  readonly type: string
  readonly id: string | null
  readonly name: string
  readonly stepId: string
  readonly fields: readonly FormField[]
  /** Judges an input that came from this address. May reject with `Overloaded`. */
  login(input: Readonly<Record<string, unknown>>, address: string): Promise<Verdict>
}
