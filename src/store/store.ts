/**
 * What a store promises, in the domain's words. Each method is one transaction, safe against itself from other callers
 * and other nodes, and answers who won. A method that changes security state writes the change log in the same
 * transaction; a promise resolves after the commit is on disk, and after this process has applied the change.
 * Every method may reject with `StoreUnavailable`; then nothing was changed, or the outcome is unknown after a commit.
 */
import type {
  AuthCode,
  Ban,
  Change,
  Credential,
  Digest,
  Flow,
  FlowId,
  Grant,
  GrantId,
  Group,
  GroupId,
  GroupPolicy,
  Head,
  Policy,
  RefreshToken,
  Rotation,
  User,
  UserId,
} from './model.ts'

/** The store could not answer: full disk, failed fsync, lost connection. The caller answers 503. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** The data directory or database cannot be used at all; the message is one line for the operator. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
}

/** How many login flows may be open, in all and for one network. */
export interface FlowCaps {
  readonly total: number
  readonly perNetwork: number
}

export interface NewOwner {
  readonly user: User
  readonly credential: Credential
  readonly password: { readonly username: string; readonly hash: string }
  readonly code: AuthCode
}

/** What a revocation did. `seq` is the change log's number of its last row, or its head if nothing was there. */
export interface Revoked {
  readonly seq: number
  readonly grants: readonly GrantId[]
}

/** Which grants a revocation means. */
export type Selector =
  /** The grant with this id, if it is this user's. */
  | { readonly grant: GrantId; readonly user: UserId }
  /** The grant whose client holds the secret with this digest. */
  | { readonly secretHash: Digest }
  /** A user's grants of one type, or of every type, all but one to be kept. */
  | { readonly user: UserId; readonly type: string | null; readonly keep: GrantId | null }

/** Which grants are meant: those for which all that is given is true. */
export interface Match {
  readonly grant?: GrantId
  readonly user?: UserId
  readonly client?: string
  /** Of users who are in it. */
  readonly group?: GroupId
  /** Made before. */
  readonly before?: number
}

/** What is to be changed of a user; what is left out stays. */
export interface UserChange {
  readonly name?: string | null
  readonly groups?: readonly GroupId[]
  readonly localOnly?: boolean
  /** False ends all grants of the user; true brings none of them back, and lets a user in who waits for approval. */
  readonly isActive?: boolean
}

export interface Users extends Approvals {
  /** True once there is a user that is not a system user. */
  any(): Promise<boolean>
  /** Makes the first user, its password and a code for it. Of racing callers exactly one gets `created`. */
  createOwner(owner: NewOwner): Promise<'created' | 'taken'>
  /** The credential that a provider knows under this subject, with its user. */
  byCredential(
    providerType: string,
    providerId: string | null,
    subject: string,
  ): Promise<{ credential: Credential; user: User } | null>
  byId(id: UserId): Promise<User | null>
  /** All users with their credentials, in the order in which they were made. */
  list(): Promise<readonly { user: User; credentials: readonly Credential[] }[]>
  /** Makes a user, whose groups must exist. */
  create(user: User): Promise<'created' | 'no_such_group'>
  /**
   * Changes a user in one step; new groups must exist. The owner stays active, and a system user stays as it is. `joins`: the
   * user would get into a group, and may not.
   */
  update(
    id: UserId,
    change: UserChange,
    rule?: { readonly mayJoin: boolean },
  ): Promise<User | 'not_found' | 'no_such_group' | 'system_generated' | 'owner' | 'joins'>
  /** Removes a user with credentials, passwords and grants. The owner stays. */
  remove(id: UserId): Promise<'removed' | 'not_found' | 'owner'>
  credentials(id: UserId): Promise<readonly Credential[]>
}

/** Users whom nobody has made: they come with their first login, and may have to wait. */
export interface Approvals {
  /**
   * Makes the user of a credential that has none, in one step; of racing callers one makes it, and all get it. `full`: as many
   * as `pending` wait already; `no_owner`: the first user is made in another way.
   */
  enroll(
    user: User,
    credential: Credential,
    pending: number,
  ): Promise<{ readonly user: User; readonly credential: Credential } | 'full' | 'no_owner'>
  /** Lets a user in who waits, or who was rejected. Of racing deciders the later one gets `not_pending`. */
  approve(id: UserId): Promise<User | 'not_found' | 'not_pending'>
  /** Turns a waiting user away, which is remembered until `until`. */
  reject(id: UserId, until: number): Promise<User | 'not_found' | 'not_pending'>
}

/** What is to be changed of a group; what is left out stays. */
export interface GroupChange {
  readonly name?: string
  readonly policy?: Policy
}

/** Groups beside the built-in ones. Names are unique when trimmed, in NFKC and in lower case. */
export interface Groups {
  /** Those made after the one at this position (0: all), in the order in which they were made, at most `limit`. */
  list(after: number, limit: number): Promise<readonly Group[]>
  /** Unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<readonly Group[]>
  create(group: Pick<Group, 'id' | 'name' | 'policy'>): Promise<Group | 'name_taken'>
  /** Changes the group, if it still has the version that was read. With a policy, its users have changed too. */
  update(id: GroupId, version: number, change: GroupChange): Promise<Group | 'not_found' | 'changed' | 'name_taken'>
  /** Removes the group, and takes it from its users, in one step. */
  remove(id: GroupId): Promise<{ readonly users: readonly UserId[] } | 'not_found'>
}

export interface Passwords {
  /** The stored hash of a user name of the local provider. */
  hash(username: string): Promise<string | null>
  /** Keeps a user name and password of nobody: who logs in with it for the first time becomes a user by that. */
  keep(username: string, hash: string): Promise<'kept' | 'username_taken'>
  /** The user names that are nobody's, in the order of their texts. */
  unused(): Promise<readonly string[]>
  /** Gives a user a user name and password: the one credential of the local provider that each may have. */
  add(
    credential: Credential,
    hash: string,
  ): Promise<'added' | 'user_not_found' | 'system_generated' | 'username_taken' | 'has_one'>
  /** Takes a user name away, with the credential and the grants made with it. */
  remove(username: string): Promise<'removed' | 'not_found'>
  /** Sets a user's password and ends the user's grants, all but one to be kept. */
  set(user: UserId, hash: string, keep: GrantId | null): Promise<'set' | 'user_not_found' | 'no_credential'>
  /** Changes a user's user name; grants stay. */
  rename(user: UserId, username: string): Promise<'renamed' | 'user_not_found' | 'no_credential' | 'username_taken'>
  /** Replaces a hash, if it is still the one that was read. */
  rehash(username: string, was: string, now: string): Promise<boolean>
}

/** What becomes of a grant: it goes on as it is, one step further, or it ends for a reason. */
export type Step =
  | { readonly kind: 'stay' }
  | { readonly kind: 'advance'; readonly rotation: Rotation; readonly ip: string; readonly expireAt: number | null }
  | { readonly kind: 'end'; readonly reason: string }

export interface Tokens {
  /**
   * By id, with all that decides whether each is good, the policies of their users' groups that are not built in, each once,
   * and the log's head, all of one snapshot. Unknown ids are left out.
   */
  grants(ids: readonly GrantId[]): Promise<{
    readonly head: Head
    readonly grants: readonly Grant[]
    readonly policies: readonly GroupPolicy[]
  }>
  bySecret(hash: Digest): Promise<Grant | null>
  /**
   * Keeps a new token. `by` is the grant that asked for it, which must still stand; the user must be active; a code that was
   * presented twice makes none; the name of a long-lived token must be free.
   */
  create(
    token: RefreshToken,
    by: GrantId | null,
  ): Promise<'created' | 'user_inactive' | 'revoked' | 'code_reused' | 'name_taken'>
  /** Lets a user's token end at `expireAt`, if it had no end, or never; false where the user has no such token. */
  setExpiry(id: GrantId, user: UserId, expireAt: number | null): Promise<boolean>
  /**
   * Lets `judge` decide on a grant while nobody else can change it, and does what it says in the same transaction. Of racing
   * calls each sees what the one before has done. null: there is no such grant.
   */
  step<T extends Step>(
    id: GrantId,
    judge: (grant: Grant) => T,
  ): Promise<{ readonly grant: Grant; readonly step: T } | null>
  list(user: UserId): Promise<readonly { token: RefreshToken; credential: Credential | null }[]>
  revoke(selector: Selector): Promise<Revoked>
  /** Ends all that match, but one to be kept. */
  revokeMatching(match: Match, keep: GrantId | null): Promise<Revoked>
  /** Those that match, in the order in which they were made, from behind a place in it. */
  page(
    match: Match,
    after: { readonly createdAt: number; readonly id: GrantId },
    limit: number,
  ): Promise<readonly Grant[]>
  /** Ends every grant whose time has come, at most `limit` of them. */
  reap(now: number, limit: number): Promise<Revoked>
  /** Records a use, on disk before it resolves; false where the grant is gone. */
  used(id: GrantId, at: number, ip: string, expireAt: number | null): Promise<boolean>
  /** Records a use a little later and merged with others: never on the path of a request. */
  touch(id: GrantId, at: number, ip: string, expireAt: number | null): void
}

export interface Codes {
  /** Keeps a code that was made without a flow. */
  put(code: AuthCode): Promise<void>
  /**
   * Takes the code of this client. Of racing callers exactly one receives it; `reused` for all later ones, whose presentation
   * also ends the grant that was made from it (RFC 6749 section 4.1.2).
   */
  take(hash: Digest): Promise<AuthCode | 'reused' | null>
}

export interface Flows {
  /**
   * Keeps a new flow. At a cap the oldest flow that nobody has typed into makes room: that of the same network, or of the
   * one with the most where it is too many in all. `full`: there is none.
   */
  put(flow: Flow, caps: FlowCaps, now: number): Promise<'kept' | 'full'>
  get(id: FlowId): Promise<Flow | null>
  /** Keeps the next version. False: somebody else's input came first, or the flow is gone. */
  replace(flow: Flow): Promise<boolean>
  /** Ends the flow with a code, in one step. False as in `replace`. */
  finish(flow: Flow, code: AuthCode | null): Promise<boolean>
  /** False: there was none. */
  remove(id: FlowId): Promise<boolean>
}

/** From which networks a user name's password was given lately. */
export interface Places {
  /** Until when this one is known; 0 if it is not. */
  until(username: string, network: string): Promise<number>
  note(username: string, network: string, expiresAt: number): Promise<void>
}

export interface Onboarding {
  /** The steps that are done, besides the user's own. */
  done(): Promise<readonly string[]>
  /** Marks a step; of racing callers exactly one gets true. */
  mark(step: string): Promise<boolean>
}

export interface Bans {
  /** Those that have not ended. */
  list(now: number): Promise<readonly Ban[]>
  put(ban: Ban): Promise<void>
  remove(network: string): Promise<void>
}

/** `full`: the disk is, or was until a moment ago; `failing`: nothing was kept the last times. */
export type StoreCondition = 'ready' | 'full' | 'failing'

export interface Store {
  /** For the start line and the log. */
  readonly name: string
  readonly users: Users
  readonly groups: Groups
  readonly passwords: Passwords
  readonly tokens: Tokens
  readonly codes: Codes
  readonly flows: Flows
  readonly places: Places
  readonly onboarding: Onboarding
  readonly bans: Bans
  /** Whether it takes what is to be kept. */
  readonly condition: StoreCondition
  /** The log from a number on, that row included, at most `limit` rows. */
  changes(from: number, limit: number): Promise<readonly Change[]>
  /**
   * Removes what is past its time and decides nothing: codes, flows, places, bans, and users whom nobody approved; and recovers
   * from a full disk.
   */
  sweep(now: number): Promise<void>
  close(): Promise<void>
}
