/** Answers to the commands about sessions: lists with live sockets, ends with receipts, and hearing of both. */
import type { TokenRules } from '../auth/tokens.ts'
import type { Clock } from '../clock.ts'
import type { SessionsCommands } from '../protocol/sessions.ts'
import type { Grant, GrantId, GroupId, UserId } from '../store/model.ts'
import type { Match, Revoked } from '../store/store.ts'
import { type Handlers, Refusal } from './dispatch.ts'
import type { Hub } from './hub.ts'
import type { SessionEvents } from './session-events.ts'

const PAGE = 200

/** The last of the page before: when it was made, and its id. It may be gone by now. */
const CURSOR = /^(\d{1,15})-([0-9a-f]{32})?$/
const START = '0-'

const badCursor = new Refusal('invalid_format', "not a valid value @ data['after']")

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at))

export interface SessionsParts {
  readonly tokens: TokenRules
  readonly hub: Hub
  readonly events: SessionEvents
  readonly clock: Clock
  /** This process among others. */
  readonly node: string
}

export const sessionsHandlers = ({ tokens, hub, events, clock, node }: SessionsParts): Handlers<SessionsCommands> => {
  const describe = ({ token, credential }: Grant, current: GrantId) => ({
    id: token.id,
    type: token.type,
    client_id: token.clientId,
    client_name: token.clientName,
    auth_provider_type: credential?.providerType ?? null,
    created_at: iso(token.createdAt),
    last_used_at: isoOrNull(token.lastUsedAt),
    last_used_ip: token.lastUsedIp,
    expire_at: isoOrNull(token.expireAt),
    is_current: token.id === current,
    sockets: hub.seatsOf(token.id).map(({ since, address }) => ({ node, since: iso(since), address })),
  })

  const page = async (match: Match, limit: number, after: string | undefined) => {
    const [, at, id] = CURSOR.exec(after ?? START)!
    const rows = await tokens.page(match, { createdAt: Number(at), id: (id ?? '') as GrantId }, limit + 1)
    const shown = rows.slice(0, limit)
    const last = shown.at(-1)?.token
    return { shown, next: rows.length > limit && last !== undefined ? `${last.createdAt}-${last.id}` : null }
  }

  /** One process owns the database: what it has committed is in force everywhere. */
  const receipt = ({ seq, grants }: Revoked, begun: number, wait: 'commit' | 'cluster' | undefined) => ({
    seq,
    revoked: grants.length,
    sockets_closed: hub.closedOf(grants),
    ...(wait === 'cluster' ? { nodes: [{ id: node, applied: true }] } : {}),
    propagated: true,
    took_ms: Math.round(clock.monotonic() - begun),
  })

  return {
    'auth/sessions': async ({ who }, { limit = PAGE, after }) => {
      if (after !== undefined && !CURSOR.test(after)) return badCursor
      const { shown, next } = await page({ user: who.userId }, limit, after)
      return { items: shown.map((row) => describe(row, who.grantId)), next }
    },

    'auth/revoke_session': async ({ who }, { refresh_token_id, wait }) => {
      const begun = clock.monotonic()
      const revoked = await tokens.revokeOwn(who, refresh_token_id as GrantId)
      return revoked.grants.length === 0 ? new Refusal('invalid_token_id') : receipt(revoked, begun, wait)
    },

    'auth/subscribe': async (context) => {
      const id = context.lastId
      // Read first: what cannot be read subscribes to nothing, and nothing is heard before the answer.
      const generation = await tokens.generation(context.who.grantId)
      const hear = (text: string): void => context.deliver(id, text)
      const stops = [
        events.ofUser(context.who.userId, hear),
        events.ofRotation(() => context.who.grantId, hear),
        context.standing.onExpiring(hear),
        context.standing.onRights(hear),
      ]
      const stop = (): void => {
        for (const one of stops) one()
      }
      context.subscribe('user', stop, id)
      return { generation }
    },

    'config/auth/sessions': async ({ who }, { limit = PAGE, after, user_id, client_id }) => {
      if (after !== undefined && !CURSOR.test(after)) return badCursor
      const match: Match = {
        ...(user_id === undefined ? {} : { user: user_id as UserId }),
        ...(client_id === undefined ? {} : { client: client_id }),
      }
      const { shown, next } = await page(match, limit, after)
      const items = shown.map((row) => ({
        ...describe(row, who.grantId),
        user_id: row.user.id as string,
        user_name: row.user.name,
      }))
      return { items, next }
    },

    'config/auth/revoke': async ({ who }, { wait, include_self = false, ...by }) => {
      const matches: readonly (Match | false)[] = [
        by.refresh_token_id !== undefined && { grant: by.refresh_token_id as GrantId },
        by.user_id !== undefined && { user: by.user_id as UserId },
        by.client_id !== undefined && { client: by.client_id },
        by.group_id !== undefined && { group: by.group_id as GroupId },
        by.issued_before !== undefined && { before: Date.parse(by.issued_before) },
        by.all === true && {},
      ]
      const [match, another] = matches.filter((one) => one !== false)
      if (match === undefined || another !== undefined)
        return new Refusal('invalid_format', 'exactly one of the ways to name sessions is needed')
      const begun = clock.monotonic()
      const keep = by.all === true && !include_self ? who.grantId : null
      return receipt(await tokens.revokeMatching(match, keep), begun, wait)
    },

    'config/auth/subscribe': (context) => {
      const id = context.lastId
      context.subscribe(
        'admin',
        events.ofAll((text) => context.deliver(id, text)),
      )
      return null
    },
  }
}
