/** This server's own events, for whoever subscribes: what the change log says of users. */
import { newId } from '../auth/secrets.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change } from '../store/model.ts'

/** Event types of Home Assistant that everybody may subscribe to. None of them is of this server: they only never come. */
export const OPEN_EVENTS: ReadonlySet<string> = new Set([
  'area_registry_updated',
  'category_registry_updated',
  'component_loaded',
  'core_config_updated',
  'device_registry_updated',
  'entity_registry_updated',
  'floor_registry_updated',
  'label_registry_updated',
  'lovelace_updated',
  'panels_updated',
  'recorder_5min_statistics_generated',
  'recorder_hourly_statistics_generated',
  'repairs_issue_registry_updated',
  'service_registered',
  'service_removed',
  'shopping_list_updated',
  'state_changed',
  'themes_updated',
])

/** Kinds of change that are events, by their name in Home Assistant. */
const eventTypes: Readonly<Record<string, string>> = {
  user_added: 'user_added',
  user_changed: 'user_updated',
  user_removed: 'user_removed',
}

interface Subscriber {
  /** null: every type. */
  readonly type: string | null
  readonly hear: (text: string) => void
}

export class Bus implements ChangeListener {
  readonly #subscribers = new Set<Subscriber>()

  /** Listens after the hub, so that whom a change ends hears no more of it. */
  constructor(feed: ChangeFeed) {
    feed.listen(this)
  }

  /** `hear` gets the event's JSON text. Returns what ends it. */
  listen(type: string | null, hear: (text: string) => void): () => void {
    const subscriber: Subscriber = { type, hear }
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  changed(change: Change): void {
    const type = eventTypes[change.kind]
    if (type === undefined || this.#subscribers.size === 0) return
    const text = JSON.stringify({
      event_type: type,
      data: { user_id: change.subject },
      origin: 'LOCAL',
      time_fired: new Date(change.at).toISOString(),
      context: { id: newId(), parent_id: null, user_id: null },
    })
    for (const { type: wanted, hear } of [...this.#subscribers]) if (wanted === null || wanted === type) hear(text)
  }
}
