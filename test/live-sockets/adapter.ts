/**
 * What this suite asks of a system of authenticated sockets. Whoever writes an adapter implements `Adapter`, says of every
 * operation that the system has not why (`cannot('…')`), and judges nothing: the cases do. docs/live-sockets.md is the guide.
 */

/** Stands where an operation would be that the system has not. */
export class Cannot {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** An operation, or why there is none. */
export type Can<T> = T | Cannot

export const cannot = (reason: string): Cannot => new Cannot(reason)

/** Ends a case that cannot be put to the system. It is reported with the reason, and counts neither for nor against. */
export class Impossible extends Error {
  override readonly name = 'Impossible'
}

/** The operation; where there is none the case ends as `Impossible`. */
export const need = <T>(operation: Can<T>): T => {
  if (operation instanceof Cannot) throw new Impossible(operation.reason)
  return operation
}

/** What ends a socket with its token, and what keeps it for as long as its session. */
export type Lifetime = 'token' | 'session'

/** Why a socket is closed. */
export type End =
  | 'expired'
  | 'revoked'
  | 'deactivated'
  | 'removed'
  /** The token that it showed is not good. */
  | 'refused'
  /** It showed no token in time. */
  | 'silent'
  /** A refresh token of its session was used twice. */
  | 'reused'

export interface Promises {
  /** The close code for each end. */
  readonly closes: Readonly<Record<End, number>>
  /** A closed socket's client knows it within this time of the acknowledgement. */
  readonly closesWithinMs: number
  /** A token is good for so long before and after its time. */
  readonly leewayMs: number
  /** A socket that shows no token is closed after this time. */
  readonly silentMs: number
  /** Two refreshes with one rotating token within this time are a race, after it a theft. */
  readonly reuseWindowMs: number
  /** A subscription whose right was taken away is over for good, or pauses until the right comes back. */
  readonly loweredSubscription: 'ends' | 'pauses'
}

export interface Time {
  /** How long a token lives that comes with a session or a refresh. */
  readonly tokenLifeMs: number
  /** Ends are met so exactly. */
  readonly toleranceMs: number
  /** A case may let no more than this pass at once: `Infinity` where the clock can be moved. */
  readonly longestMs: number
  /** Lets time pass, for both clocks of the system. */
  pass(ms: number): Promise<void>
  /** Sets the wall clock alone, as an operator or a time server does. */
  readonly set: Can<(ms: number) => void>
}

/** Somebody with a right of their own: there is something that they may do and not everybody. */
export interface Person {
  readonly id: string
}

/** What a revocation ends: a login, a device, a family of refresh tokens. */
export interface Session {
  readonly id: string
  readonly person: Person
  /** A good token of it. */
  readonly token: string
  /** What gets the next token; null where this session gets none. */
  readonly secret: string | null
}

/** What a refresh gave. `again`: somebody else is refreshing, come back. `refused`: the secret is good for nothing. */
export type Refreshed = { readonly token: string; readonly secret: string } | 'again' | 'refused'

/** `gone`: the socket was closed before there was an answer. */
export type Answer = 'served' | 'denied' | 'gone'

/** A socket that has shown a token. */
export interface Live {
  /** Whether it was let in; false too where it was closed before that was said. */
  readonly admitted: Promise<boolean>
  readonly closed: Promise<{ readonly code: number }>
  /** Asks for what every authenticated socket may have. */
  ask(): Promise<Answer>
  /** Asks for what needs the right. */
  askWithRight(): Promise<Answer>
  /** The `id` of the person that the system takes the socket for; null when it is gone. */
  readonly whoAmI: Can<() => Promise<string | null>>
  /** Goes on with another token, without a reconnect. */
  readonly renew: Can<(token: string) => Promise<Answer>>
  /** Subscribes to pushes that need the right. */
  readonly listen: Can<() => Promise<Answer>>
  /** The marks of the pushes that arrived, in their order. */
  readonly heard: readonly string[]
  /** Ends the session of this very socket; `served` where that was answered. */
  readonly endOwnSession: Can<() => Promise<Answer>>
  /** Closes it from the client's side, and resolves when it is closed. */
  hangUp(): Promise<void>
}

/** A socket that is to show a token. Where tokens are shown in the handshake it is made with `show`. */
export interface Knock {
  show(token: string): Live
  /** Settles when the system closes a socket that shows nothing. */
  readonly closed: Can<Promise<{ readonly code: number }>>
}

/** One running system. What it answers is known to be done: an acknowledgement is the resolved promise. */
export interface System {
  readonly promises: Promises
  readonly time: Time
  /** Somebody new, with the right. */
  person(): Promise<Person>
  /** A new session. With `refreshes` it has a secret and tokens of `tokenLifeMs`; without, the cheapest one will do. */
  logIn(person: Person, how?: { readonly refreshes: boolean }): Promise<Session>
  /** A new session whose secret is another one after each refresh. */
  readonly logInRotating: Can<(person: Person) => Promise<Session>>
  readonly refresh: Can<(session: Session, secret: string) => Promise<Refreshed>>
  /** A token of a session of this person that was good once, and whose time is over, the leeway included. */
  readonly expiredToken: Can<(person: Person) => Promise<string>>
  /** A token that is good for about ten years; and how long exactly. */
  readonly longToken: Can<(person: Person) => Promise<{ readonly token: string; readonly lifeMs: number }>>
  /** A token of the session that was made by a clock so far ahead of the system's. */
  readonly tokenFromAhead: Can<(session: Session, ms: number) => Promise<string>>
  knock(): Promise<Knock>
  readonly revoke: Can<(session: Session) => Promise<void>>
  readonly deactivate: Can<(person: Person) => Promise<void>>
  readonly remove: Can<(person: Person) => Promise<void>>
  /** Takes the right away. */
  readonly lower: Can<(person: Person) => Promise<void>>
  /** Gives it back. */
  readonly raise: Can<(person: Person) => Promise<void>>
  /** Makes a push that needs the right, and resolves to its mark. */
  readonly push: Can<() => Promise<string>>
  /** Ends what `attach` began. */
  detach(): Promise<void>
}

export interface Adapter {
  /** Name and version, as the results are to name it. */
  readonly name: string
  /** A system for one case. It may be shared by all, or be made anew where that is cheap. */
  attach(lifetime: Lifetime): Promise<Can<System>>
  /** Ends what all the cases shared. */
  end(): Promise<void>
}

/** The default export of an adapter's module. `lifetime` is how the system at `url` is configured, where that can be chosen. */
export type MakeAdapter = (options: { readonly url: string; readonly lifetime: Lifetime }) => Promise<Adapter>

export interface Case {
  readonly id: string
  /** Asked only of systems whose sockets live so long; of any if it is not said. */
  readonly lifetime?: Lifetime
  /** Asked of such a system where there are both kinds; of one whose sockets live as long as sessions if it is not said. */
  readonly rather?: Lifetime
  /** What is promised, as one sentence. */
  readonly claim: string
  /** What goes wrong where it is not kept. */
  readonly guards: string
  /** Resolves to what was counted, for the record. */
  readonly run: (system: System) => Promise<string | undefined>
}
