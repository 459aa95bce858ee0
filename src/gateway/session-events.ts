/** What the change log says of sessions and users, for whoever is concerned. */
import type { AdministrationEvent } from '../protocol/sessions.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change, GrantId, UserId } from '../store/model.ts'

/** Gets the event's JSON text. */
type Hear = (text: string) => void

interface Told {
  readonly user: UserId
  /** For the user; null where the user is told nothing. */
  readonly own: object | null
  /** For administrators. */
  readonly all: readonly object[]
}

const tell = (change: Change): Told | null => {
  const { subject, data } = change
  const at = new Date(change.at).toISOString()
  switch (change.kind) {
    case 'grant_added':
    case 'grant_revoked': {
      const user = data['user'] as UserId
      const event =
        change.kind === 'grant_added'
          ? { type: 'session_added', refresh_token_id: subject, at }
          : { type: 'session_removed', refresh_token_id: subject, reason: data['reason'], at }
      return { user, own: event, all: [{ ...event, user_id: user }] }
    }
    case 'user_changed':
      return {
        user: subject as UserId,
        own: { type: 'user_changed', at },
        all: [{ type: 'user_updated', user_id: subject, at }],
      }
    case 'user_added':
    case 'user_removed': {
      const event = { type: change.kind, user_id: subject, at }
      const asks = data['approval'] === 'pending' ? [{ type: 'approval_requested', user_id: subject, at }] : []
      return { user: subject as UserId, own: null, all: [event, ...asks] }
    }
    default:
      return null
  }
}

export class SessionEvents implements ChangeListener {
  readonly #byUser = new Map<UserId, Set<Hear>>()
  readonly #all = new Set<Hear>()
  readonly #rotations = new Set<{ grant: () => GrantId; hear: Hear }>()

  /** Listens after the hub, so that whom a change ends hears no more of it. */
  constructor(feed: ChangeFeed) {
    feed.listen(this)
  }

  /** Returns what ends it. */
  ofUser(user: UserId, hear: Hear): () => void {
    const hearers = this.#byUser.get(user) ?? new Set()
    this.#byUser.set(user, hearers)
    // A function may stand there once only: each subscription gets one of its own.
    const own: Hear = (text) => hear(text)
    hearers.add(own)
    return () => {
      if (hearers.delete(own) && hearers.size === 0) this.#byUser.delete(user)
    }
  }

  /** Of one grant's refresh token, which a socket may leave for another: `grant` is asked each time. Returns what ends it. */
  ofRotation(grant: () => GrantId, hear: Hear): () => void {
    const hearer = { grant, hear }
    this.#rotations.add(hearer)
    return () => this.#rotations.delete(hearer)
  }

  /** A refresh token has made a step. The token itself is told to nobody but whoever showed the one before. */
  rotated(grant: GrantId, generation: number): void {
    if (this.#rotations.size === 0) return
    const text = JSON.stringify({ type: 'rotated', generation })
    for (const hearer of [...this.#rotations]) if (hearer.grant() === grant) hearer.hear(text)
  }

  /** Returns what ends it. */
  ofAll(hear: Hear): () => void {
    const own: Hear = (text) => hear(text)
    this.#all.add(own)
    return () => this.#all.delete(own)
  }

  /** Does anybody hear of everybody? */
  get areAllHeard(): boolean {
    return this.#all.size > 0
  }

  loginFailed(failure: Omit<Extract<AdministrationEvent, { type: 'login_failed' }>, 'type'>): void {
    const event: AdministrationEvent = { type: 'login_failed', ...failure }
    const text = JSON.stringify(event)
    for (const hear of [...this.#all]) hear(text)
  }

  changed(change: Change): void {
    if (this.#byUser.size === 0 && this.#all.size === 0) return
    const told = tell(change)
    if (told === null) return
    const hearers = this.#byUser.get(told.user)
    if (hearers !== undefined && told.own !== null) {
      const text = JSON.stringify(told.own)
      for (const hear of [...hearers]) hear(text)
    }
    if (this.#all.size === 0) return
    for (const event of told.all) {
      const text = JSON.stringify(event)
      for (const hear of [...this.#all]) hear(text)
    }
  }
}
