/** A subscription that an application's command began, from before its answer until it ends, whatever ends it. */
import type { Log } from '../log.ts'
import type { Needs } from '../protocol/command.ts'
import { type Context, type May, mayUse, Refusal } from './dispatch.ts'
import type { FanOut, Hearer } from './fan-out.ts'

/** The subscriptions of an application, by their command and their topic. */
export class Topics {
  readonly #crowds = new Map<string, Set<Hearer>>()

  /** Without a topic: all of the command's. Undefined where nobody listens. */
  crowd(type: string, topic: string | undefined): Iterable<Hearer> | undefined {
    return this.#crowds.get(topic === undefined ? type : `${type} ${topic}`)
  }

  /** Returns what takes the hearer out. */
  join(type: string, topic: string | undefined, hearer: Hearer): () => void {
    // No type holds a space.
    const keys = topic === undefined ? [type] : [type, `${type} ${topic}`]
    for (const key of keys) {
      const crowd = this.#crowds.get(key) ?? new Set()
      this.#crowds.set(key, crowd.add(hearer))
    }
    return () => {
      for (const key of keys) {
        const crowd = this.#crowds.get(key)
        if (crowd?.delete(hearer) && crowd.size === 0) this.#crowds.delete(key)
      }
    }
  }
}

export interface OwnSubscriptionParts {
  readonly type: string
  readonly caller: Context
  /** Who may go on hearing it. */
  readonly rule: Needs | May
  readonly topics: Topics
  readonly fanOut: FanOut
  readonly log: Log
}

/** Events that may wait for the answer that they follow. */
const MAX_EARLY = 1024
const RETRY_AFTER_MS = 1000

export class OwnSubscription implements Hearer {
  since = 0
  readonly #parts: OwnSubscriptionParts
  readonly #id: number
  /** What is sent before the answer goes out; null once it has. */
  #early: { readonly text: string; readonly may: May | undefined }[] | null = []
  #tooMany = false
  #isOver = false
  #leave: () => void = () => undefined
  #stop: unknown = null

  /** To be made before the handler's first `await`. */
  constructor(parts: OwnSubscriptionParts) {
    this.#parts = parts
    this.#id = parts.caller.lastId
  }

  emit(text: string): void {
    // By the same way as what is published, so that the order is that of the calls.
    if (!this.#isOver) this.#parts.fanOut.send([[{ since: 0, hear: (event) => this.hear(event, undefined) }]], text)
  }

  hear(text: string, may: May | undefined): void {
    if (this.#isOver) return
    if (this.#early === null) this.#deliver(text, may)
    else if (this.#early.length < MAX_EARLY) this.#early.push({ text, may })
    else this.#tooMany = true
  }

  /** Takes what the handler has answered; gives what the command answers. */
  begin(value: unknown): unknown {
    const { type, caller, rule, topics, fanOut } = this.#parts
    if (value instanceof Refusal) {
      this.#isOver = true
      return value
    }
    const {
      stop = null,
      topic,
      result = null,
    } = (typeof value === 'function' ? { stop: value } : (value ?? {})) as {
      readonly stop?: unknown
      readonly topic?: string
      readonly result?: unknown
    }
    this.#stop = stop
    const refusal = this.#tooMany
      ? new Refusal('temporarily_unavailable', undefined, RETRY_AFTER_MS)
      : // Rights may have changed since the command came.
        mayUse(caller.user, rule)
        ? null
        : new Refusal('unauthorized')
    if (refusal !== null) {
      this.#end()
      return refusal
    }
    this.since = fanOut.sent
    this.#leave = topics.join(type, topic, this)
    caller.subscribe(rule, () => this.#end(), this.#id)
    // After the answer, which goes out in this turn.
    setImmediate(() => this.#open())
    return result
  }

  #open(): void {
    const early = this.#early ?? []
    this.#early = null
    for (const { text, may } of early) if (!this.#isOver) this.#deliver(text, may)
  }

  #deliver(text: string, may: May | undefined): void {
    const { caller, rule } = this.#parts
    if (typeof rule !== 'function') {
      caller.deliver(this.#id, text, may)
      return
    }
    caller.deliver(this.#id, text, (who) => {
      if (may !== undefined && !may(who)) return false
      if (rule(who)) return true
      caller.unsubscribe(this.#id)
      return false
    })
  }

  /** An application's fault is nobody else's: this is called in the midst of a revocation. */
  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#leave()
    const { type, log } = this.#parts
    const failed = (error: unknown): void =>
      log.error({ err: error, command: type }, 'a subscription could not be stopped')
    try {
      const stopped: unknown = typeof this.#stop === 'function' ? this.#stop() : null
      if (stopped instanceof Promise) stopped.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
