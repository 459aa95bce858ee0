/** What is kept: users, credentials, grants, codes, flows, and the log of changes. Plain read-only data. */

declare const brand: unique symbol
/** A string that must not be mixed up with another kind of string. */
type Branded<B extends string> = string & { readonly [brand]: B }

/** 32 lowercase hex digits. */
export type UserId = Branded<'UserId'>
/** 32 lowercase hex digits. */
export type CredentialId = Branded<'CredentialId'>
/** 32 lowercase hex digits: the public handle of a refresh token, and the `iss` of its access tokens. */
export type GrantId = Branded<'GrantId'>
/** 32 lowercase hex digits. */
export type FlowId = Branded<'FlowId'>
/** SHA-256 of a secret: what is kept of codes and refresh tokens. */
export type Digest = Uint8Array & { readonly [brand]?: 'Digest' }

/** The three built-in groups, with Home Assistant's ids. They are not kept. */
export const BUILT_IN_GROUP_IDS = ['system-admin', 'system-users', 'system-read-only'] as const
export type BuiltInGroupId = (typeof BUILT_IN_GROUP_IDS)[number]

export const BUILT_IN_GROUP_NAMES: Readonly<Record<BuiltInGroupId, string>> = {
  'system-admin': 'Administrators',
  'system-users': 'Users',
  'system-read-only': 'Read Only',
}

/** A built-in group's, or 32 lowercase hex digits. */
export type GroupId = BuiltInGroupId | Branded<'GroupId'>

/** What a group allows, by category: a JSON object. */
export type Policy = Readonly<Record<string, unknown>>

export interface Group {
  readonly id: GroupId
  readonly name: string
  readonly policy: Policy
  /** Rises with each change. */
  readonly version: number
  /** Rises with each group that is made: lists are in that order. */
  readonly position: number
}

/** A group's policy as text: whoever compiles it parses it, once for all who are in the group. */
export interface GroupPolicy {
  readonly id: GroupId
  readonly version: number
  readonly text: string
}

/** Somebody who logged in before anybody knew them: inactive until an administrator decides. */
export interface Approval {
  readonly state: 'pending' | 'rejected'
  /** Then the user is removed, as if they had never been here. */
  readonly until: number
}

export interface User {
  readonly id: UserId
  readonly name: string | null
  readonly isOwner: boolean
  readonly isActive: boolean
  readonly localOnly: boolean
  readonly systemGenerated: boolean
  readonly groups: readonly GroupId[]
  /** Left out once somebody let the user in. */
  readonly approval?: Approval
}

/** The link between a user and what a provider knows the user as. */
export interface Credential {
  readonly id: CredentialId
  readonly userId: UserId
  readonly providerType: string
  readonly providerId: string | null
  /** The provider's stable name for the person; unique within the provider. */
  readonly subject: string
}

export type TokenType = 'normal' | 'long_lived_access_token' | 'system'

/** How far a rotating refresh token has come. */
export interface Rotation {
  /** Of the newest token that was given out. */
  readonly generation: number
  /** SHA-256 of the attempt that made it; null if it was made without one. */
  readonly attempt: Digest | null
  /** When it was first given out; a repeated answer does not move this. */
  readonly answeredAt: number
}

/** A refresh token as it is kept. Instants are milliseconds since 1970. */
export interface RefreshToken {
  readonly id: GrantId
  readonly userId: UserId
  readonly credentialId: CredentialId | null
  readonly type: TokenType
  readonly clientId: string | null
  readonly clientName: string | null
  readonly clientIcon: string | null
  /** SHA-256 of the secret that the client holds; null where no secret was ever given out. */
  readonly secretHash: Digest | null
  /** null: the client keeps one token for the whole session. */
  readonly rotation: Rotation | null
  /** 16 random bytes; with the pepper they make the key of this token's access tokens. */
  readonly salt: Uint8Array
  /** SHA-256 of the code that this token was made from; a second use of that code ends the token. */
  readonly codeHash: Digest | null
  /** Lifetime of an access token, in seconds. */
  readonly accessTokenSeconds: number
  readonly createdAt: number
  /** null: never. */
  readonly expireAt: number | null
  readonly lastUsedAt: number | null
  readonly lastUsedIp: string | null
}

/** A refresh token with its user and credential: all that decides whether an access token is good. */
export interface Grant {
  readonly token: RefreshToken
  readonly user: User
  readonly credential: Credential | null
}

/** What a code is good for: tokens, or linking its credential to a user. Neither stands in for the other. */
export type Purpose = 'login' | 'link'

/** A flow can also be a step-up: it proves to one socket that its user is there, and gives no code. */
export type FlowPurpose = Purpose | 'step_up'

/** An authorization code as it is kept; the code itself never is. */
export interface AuthCode {
  /** SHA-256 of client id, NUL, code: another client's attempt finds nothing and consumes nothing. */
  readonly hash: Digest
  readonly clientId: string
  readonly credentialId: CredentialId
  readonly userId: UserId
  readonly redirectUri: string | null
  /** S256 challenge of RFC 7636, or null. */
  readonly challenge: string | null
  readonly purpose: Purpose
  readonly expiresAt: number
}

/** A login that is under way, kept as a record so that any process can take the next step. */
export interface Flow {
  readonly id: FlowId
  /** Rises with each step; a step on an older version loses. */
  readonly version: number
  /** The address that began it; it may not move. */
  readonly address: string
  /** What it is counted under: the address, or the network that one machine has all of. */
  readonly network: string
  /** Empty, as the redirect address is, for a step-up: nobody is sent anywhere. */
  readonly clientId: string
  readonly redirectUri: string
  readonly providerType: string
  readonly providerId: string | null
  readonly challenge: string | null
  readonly purpose: FlowPurpose
  readonly expiresAt: number
  /** Left out until the person is known: whose approval this login waits for, and when that user's time ends. */
  readonly waitsFor?: { readonly user: UserId; readonly until: number }
}

/** An address, or a range of them, that is not served for a while. */
export interface Ban {
  /** An IPv4 address, or an IPv6 network as `2001:db8::/64`. */
  readonly network: string
  readonly endsAt: number
}

/** The kinds of change that the log holds. A reader that meets another kind takes everything as changed. */
export type ChangeKind =
  | 'user_added'
  | 'user_changed'
  | 'user_removed'
  | 'grant_added'
  | 'grant_revoked'
  /** Its end was set or taken away; nobody's rights are others by that. */
  | 'grant_changed'
  | 'group_changed'

export interface NewChange {
  readonly kind: ChangeKind
  /** The id of the user, grant or group. */
  readonly subject: string
  /** What a reader needs beside the subject, as `user` for a grant. No secrets. */
  readonly data: Readonly<Record<string, string>>
}

/** A place in the change log: a number is compared only together with its mark. */
export interface Head {
  readonly seq: number
  /** 16 hex digits, new for each attempt of a transaction. */
  readonly mark: string
}

export interface Change extends Head {
  readonly kind: string
  readonly subject: string
  readonly data: Readonly<Record<string, string>>
  readonly at: number
}
