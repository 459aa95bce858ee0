/** The commands about sessions: who is logged in where, on which sockets, and ending that. */
import { z } from 'zod'
import { command, optional } from './command.ts'

const instant = z.iso.datetime({ offset: true })

/** A page of a list: at most so many, from behind a cursor. */
const page = { limit: optional(z.int().min(1).max(200)), after: optional(z.string().max(100)) }

const session = {
  id: z.string(),
  type: z.enum(['normal', 'long_lived_access_token', 'system']),
  client_id: z.string().nullable(),
  client_name: z.string().nullable(),
  auth_provider_type: z.string().nullable(),
  created_at: instant,
  last_used_at: instant.nullable(),
  last_used_ip: z.string().nullable(),
  expire_at: instant.nullable(),
  is_current: z.boolean(),
  sockets: z.array(z.strictObject({ node: z.string(), since: instant, address: z.string() })),
}

/** `commit`: the answer comes when the revocation is kept and in force here; `cluster`: when every node has applied it. */
const wait = optional(z.enum(['commit', 'cluster']))

/** What a revocation did. `seq` is its place in the change log; `nodes` comes with `cluster` alone. */
const receipt = z.strictObject({
  seq: z.int(),
  revoked: z.int(),
  sockets_closed: z.int(),
  nodes: z.array(z.strictObject({ id: z.string(), applied: z.boolean() })).optional(),
  propagated: z.boolean(),
  took_ms: z.int(),
})

export const sessions = {
  'auth/sessions': command({
    doc: "List one's own sessions with their live sockets, in the order in which they began.",
    needs: 'user',
    input: page,
    result: z.strictObject({ items: z.array(z.strictObject(session)), next: z.string().nullable() }),
    errors: [],
  }),

  'auth/revoke_session': command({
    doc: "End one of one's own sessions. Its sockets are closed; this one too, after the answer, if it is its own.",
    needs: 'user',
    input: { refresh_token_id: z.string(), wait },
    result: receipt,
    errors: ['invalid_token_id'],
    endsSelf: true,
  }),

  'auth/subscribe': command({
    doc: "Hear of what concerns one's own sessions: `session_added`, `session_removed`, `user_changed`, `rights_changed` when this socket may do more or less than before, `rotated` when the refresh token of this session has made a step, and `expiring` before this socket has to be renewed.",
    needs: 'user',
    input: {},
    result: z.strictObject({ generation: z.int().nullable() }),
    errors: ['too_many_subscriptions'],
  }),

  'config/auth/sessions': command({
    doc: 'List the sessions of everybody, of one user or of one client.',
    needs: 'admin',
    input: { ...page, user_id: optional(z.string()), client_id: optional(z.string()) },
    result: z.strictObject({
      items: z.array(z.strictObject({ ...session, user_id: z.string(), user_name: z.string().nullable() })),
      next: z.string().nullable(),
    }),
    errors: [],
  }),

  'config/auth/revoke': command({
    doc: 'End sessions: exactly one of a session, those of a user, a client or a group, those that began before an instant, or all. `all` leaves the caller’s own unless `include_self`.',
    needs: 'admin',
    input: {
      refresh_token_id: optional(z.string()),
      user_id: optional(z.string()),
      client_id: optional(z.string()),
      group_id: optional(z.string()),
      issued_before: optional(instant),
      all: optional(z.literal(true)),
      include_self: optional(z.boolean()),
      wait,
    },
    result: receipt,
    errors: [],
    endsSelf: true,
  }),

  'config/auth/subscribe': command({
    doc: 'Hear of every user and every session that is added, changed or removed, of users who wait for approval, and of logins that fail.',
    needs: 'admin',
    input: {},
    result: z.null(),
    errors: ['too_many_subscriptions'],
  }),
} as const

export type SessionsCommands = typeof sessions

/**
 * What `auth/subscribe` brings. `at`: an instant; `in`: seconds; `gained` and `lost`: policies, and `admin` where that right came
 * or went.
 */
export type SessionEvent =
  | { readonly type: 'session_added'; readonly refresh_token_id: string; readonly at: string }
  | {
      readonly type: 'session_removed'
      readonly refresh_token_id: string
      readonly reason?: string
      readonly at: string
    }
  | { readonly type: 'user_changed'; readonly at: string }
  | {
      readonly type: 'rights_changed'
      readonly gained: Readonly<Record<string, unknown>>
      readonly lost: Readonly<Record<string, unknown>>
      readonly admin?: 'gained' | 'lost'
    }
  | { readonly type: 'rotated'; readonly generation: number }
  | { readonly type: 'expiring'; readonly in: number }

/** What `config/auth/subscribe` brings. */
export type AdministrationEvent = { readonly at: string } & (
  | { readonly type: 'user_added' | 'user_updated' | 'user_removed' | 'approval_requested'; readonly user_id: string }
  | {
      readonly type: 'session_added' | 'session_removed'
      readonly refresh_token_id: string
      readonly user_id: string
      readonly reason?: string
    }
  | {
      readonly type: 'login_failed'
      /** null: nobody has the name that was given. */
      readonly user_id: string | null
      readonly address: string
      readonly reason: LoginFailureReason
    }
)

/** `not_allowed`: no more users may wait for approval. `remote`: the user may come from local addresses only. */
export type LoginFailureReason = 'invalid_auth' | 'rejected' | 'not_allowed' | 'user_inactive' | 'remote'
