/** Counts the sockets that are not authenticated yet, and says before the upgrade whether one more may wait. */
import { networksOf } from '../auth/address.ts'
import type { HttpResponse } from '../transport/transport.ts'
import { json } from './http.ts'

export interface DoorwayLimits {
  /** Unauthenticated sockets in all. */
  readonly total: number
  /** Unauthenticated sockets of one IPv4 address or one IPv6 /64. */
  readonly perAddress: number
  /** All sockets together, authenticated or not; what is left of the descriptors is for the store and the admin. */
  readonly sockets: number
  /** True while the process is short of memory. */
  readonly isTight: () => boolean
}

/** Why a handshake was refused, for the metric. */
export type Crowded = 'address' | 'unauthenticated' | 'sockets' | 'memory'

/** Parties that have nobody waiting are forgotten together: to forget each at once would make the table anew again and again. */
const FORGOTTEN_TOGETHER = 1000

/** A refused client is asked to wait this long: by then those who wait have authenticated or run out of time. */
const RETRY_AFTER_S = '10'

const refuse = (status: 429 | 503, message: string): HttpResponse =>
  json(status, { message }, { 'retry-after': RETRY_AFTER_S })

const answers: Readonly<Record<Crowded, HttpResponse>> = {
  address: refuse(429, 'Too many sockets of this address are not authenticated.'),
  unauthenticated: refuse(503, 'Too many sockets are not authenticated.'),
  sockets: refuse(503, 'Too many sockets are open.'),
  memory: refuse(503, 'The server is short of memory.'),
}

/** What one party holds: an IPv4 address, or an IPv6 network of 64 bits, as a subscriber is given one. */
const partyOf = (address: string): string => (address.includes(':') ? (networksOf(address)[0] ?? address) : address)

export class Doorway {
  readonly #limits: DoorwayLimits
  readonly #refused: (why: Crowded) => void
  readonly #byParty = new Map<string, number>()
  #waiting = 0
  /** How often nobody was left of a party since all those were forgotten. */
  #emptied = 0

  /** `refused` is called for each handshake that finds no room. */
  constructor(limits: DoorwayLimits, refused: (why: Crowded) => void) {
    this.#limits = limits
    this.#refused = refused
  }

  get waiting(): number {
    return this.#waiting
  }

  /** The answer for one that finds no room; null if it may come in. `open`: all sockets that are open now. */
  refuse(address: string, open: number): HttpResponse | null {
    const why = this.#crowded(partyOf(address), open)
    if (why === null) return null
    this.#refused(why)
    return answers[why]
  }

  /** To be called in the turn of the handshake; `leave` follows once, with what is given back. */
  enter(address: string): string {
    const party = partyOf(address)
    this.#waiting++
    this.#byParty.set(party, (this.#byParty.get(party) ?? 0) + 1)
    return party
  }

  leave(party: string): void {
    this.#waiting--
    const left = this.#byParty.get(party)! - 1
    this.#byParty.set(party, left)
    if (left === 0 && ++this.#emptied >= FORGOTTEN_TOGETHER) this.#forget()
  }

  #forget(): void {
    this.#emptied = 0
    for (const [party, waiting] of [...this.#byParty]) if (waiting === 0) this.#byParty.delete(party)
  }

  #crowded(party: string, open: number): Crowded | null {
    if (open >= this.#limits.sockets) return 'sockets'
    if (this.#limits.isTight()) return 'memory'
    if ((this.#byParty.get(party) ?? 0) >= this.#limits.perAddress) return 'address'
    return this.#waiting >= this.#limits.total ? 'unauthenticated' : null
  }
}
