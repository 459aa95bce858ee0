/** What an application listens to, begun anew on every socket. */
import type { ClientClock, ClientTimer } from './clock.ts'
import { CommandFailed, SocketClosed } from './errors.ts'
import type { AuthenticatedSocket, SubscribeType } from './socket.ts'

/** What `subscribe` was called with: there its types were judged. */
export interface Wanted {
  readonly type: SubscribeType
  readonly fields: object
  readonly onEvent: (event: never) => void
  /** The server agrees no more, after a reconnect. */
  readonly onLost: (error: CommandFailed) => void
}

interface Entry extends Wanted {
  /** Settled by the first answer. */
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  agreed: boolean
  /** Ends it on the socket of now. */
  stop: (() => Promise<void>) | null
  /** Runs while the server asked to wait. */
  timer: ClientTimer | null
}

export class Subscriptions {
  readonly #clock: ClientClock
  readonly #entries = new Set<Entry>()
  #socket: AuthenticatedSocket | null = null

  constructor(clock: ClientClock) {
    this.#clock = clock
  }

  /** Resolves when the server has first agreed, on whatever socket, to a function that ends the subscription. */
  add(wanted: Wanted): Promise<() => Promise<void>> {
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        ...wanted,
        resolve: () => resolve(() => this.#remove(entry)),
        reject,
        agreed: false,
        stop: null,
        timer: null,
      }
      this.#entries.add(entry)
      if (this.#socket !== null) void this.#begin(entry, this.#socket)
    })
  }

  /** Begins everything on a socket. */
  open(socket: AuthenticatedSocket): void {
    this.#socket = socket
    for (const entry of this.#entries) void this.#begin(entry, socket)
  }

  closed(): void {
    this.#socket = null
    for (const entry of this.#entries) {
      entry.stop = null
      entry.timer?.cancel()
    }
  }

  /** There will be no socket any more. */
  end(error: Error): void {
    this.closed()
    for (const { reject } of this.#entries) reject(error)
    this.#entries.clear()
  }

  async #begin(entry: Entry, socket: AuthenticatedSocket): Promise<void> {
    const isWanted = (): boolean => this.#socket === socket && this.#entries.has(entry)
    try {
      const stop = await socket.subscribe(entry.type, entry.fields as never, (event) => {
        if (this.#entries.has(entry)) entry.onEvent(event as never)
      })
      if (!isWanted()) {
        await stop()
        return
      }
      entry.stop = stop
      entry.agreed = true
      entry.resolve()
    } catch (error) {
      // Where the socket has ended the next one begins it.
      if (!isWanted() || !(error instanceof CommandFailed)) return
      if (error.retryAfterMs === null) this.#refused(entry, error)
      else {
        entry.timer = this.#clock.after(error.retryAfterMs, () => {
          if (isWanted()) void this.#begin(entry, socket)
        })
      }
    }
  }

  #refused(entry: Entry, error: CommandFailed): void {
    this.#entries.delete(entry)
    if (entry.agreed) entry.onLost(error)
    else entry.reject(error)
  }

  async #remove(entry: Entry): Promise<void> {
    this.#entries.delete(entry)
    entry.timer?.cancel()
    try {
      await entry.stop?.()
    } catch (error) {
      // With the socket it has ended too.
      if (!(error instanceof SocketClosed)) throw error
    }
  }
}
