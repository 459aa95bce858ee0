/** The server's events, for whoever subscribes: what the change log says of users, and what an application publishes. */
import { newId } from '../auth/secrets.ts'
import type { Needs } from '../protocol/command.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change } from '../store/model.ts'
import type { May } from './dispatch.ts'
import type { FanOut, Hearer } from './fan-out.ts'

/** Event types of Home Assistant that everybody may subscribe to. None of them is of this server: they only never come. */
const OPEN_EVENTS: ReadonlySet<string> = new Set([
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

/** Event types that are this server's own. */
export const OWN_EVENTS: ReadonlySet<string> = new Set(Object.values(eventTypes))

/** An event as Home Assistant writes it. `data` is JSON text. */
const busEvent = (type: string, data: string, at: number): string =>
  `{"event_type":${JSON.stringify(type)},"data":${data},"origin":"LOCAL","time_fired":"${new Date(at).toISOString()}",` +
  `"context":{"id":"${newId()}","parent_id":null,"user_id":null}}`

export class Bus implements ChangeListener {
  /** null: who hears every type. */
  readonly #byType = new Map<string | null, Set<Hearer>>()
  readonly #fanOut: FanOut
  readonly #declared: ReadonlyMap<string, Needs | May>

  /** Listens after the hub, so that whom a change ends hears no more of it. `declared`: who may hear an application's events. */
  constructor(feed: ChangeFeed, fanOut: FanOut, declared: ReadonlyMap<string, Needs | May> = new Map()) {
    this.#fanOut = fanOut
    this.#declared = declared
    feed.listen(this)
  }

  /** Who may listen to a type; null: to every type. */
  needs(type: string | null): Needs | May {
    if (type === null) return 'admin'
    return this.#declared.get(type) ?? (OPEN_EVENTS.has(type) ? 'user' : 'admin')
  }

  /** `hear` gets the event's JSON text, and whom it is for. Returns what ends it. */
  listen(type: string | null, hear: Hearer['hear']): () => void {
    const hearers = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, hearers)
    const hearer: Hearer = { since: this.#fanOut.sent, hear }
    hearers.add(hearer)
    return () => {
      if (hearers.delete(hearer) && hearers.size === 0) this.#byType.delete(type)
    }
  }

  /** An application's event, for those of its subscribers whom `may` names. `data` is JSON text. */
  publish(type: string, data: string, at: number, may: May | undefined): void {
    const crowds = this.#crowds(type)
    if (crowds.length > 0) this.#fanOut.send(crowds, busEvent(type, data, at), may)
  }

  changed(change: Change): void {
    const type = eventTypes[change.kind]
    if (type === undefined) return
    const crowds = this.#crowds(type)
    if (crowds.length === 0) return
    const text = busEvent(type, JSON.stringify({ user_id: change.subject }), change.at)
    for (const crowd of crowds) for (const { hear } of [...crowd]) hear(text, undefined)
  }

  #crowds(type: string): Set<Hearer>[] {
    return [this.#byType.get(type), this.#byType.get(null)].filter((crowd) => crowd !== undefined)
  }
}
