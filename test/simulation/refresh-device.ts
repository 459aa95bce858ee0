/**
 * One device whose refreshes get lost, whose lid is closed on them and whose tabs race, and perhaps a thief with a perfect network.
 * Everything follows from the seed.
 */
import { DAY, type Family, newFamily, present, type Rule, rules } from './refresh-rules.ts'

/** Seconds of an access token. */
const ACCESS_TOKEN = 1800
const RETRY_AFTER = 60
const TIMEOUT = 15

/** Who have the token and not the attempt; and who have both. */
export const BLIND_THIEVES = [
  'three simple',
  'steps first',
  'steps first, repeats',
  'omits attempt',
  'follower',
] as const
export const THIEVES = [...BLIND_THIEVES, 'token+attempt, steps', 'token+attempt, replays'] as const
export type Thief = (typeof THIEVES)[number]

export interface Device {
  /** Whether the attempt is stored before it is sent, only remembered, or not made at all. */
  readonly client: 'stored' | 'memory' | 'no attempt'
  /** Probabilities: of a message lost; of a crash at each of two places; of a lid closed on a request; of a nap; of a second tab. */
  readonly loss: number
  readonly crash: number
  readonly lid: number
  readonly nap: number
  readonly double: number
  /** The second tab read the store before the first had written. */
  readonly race: boolean
  /** The second tab retries from its memory. */
  readonly stale: boolean
  /** The owner's socket hears of steps. */
  readonly socket: boolean
  readonly thief: Thief | null
  /** Seconds that are looked at. */
  readonly until: number
}

/** A client that keeps the rules, on a day with two per cent loss. */
export const KEEPING: Device = {
  client: 'stored',
  loss: 0.02,
  crash: 0.002,
  lid: 0.002,
  nap: 0.03,
  double: 0,
  race: false,
  stale: false,
  socket: false,
  thief: null,
  until: DAY,
}

export interface Outcome {
  /** When the family ended; null if it lives. */
  readonly deadAt: number | null
  /** From the thief's first token to the end of the family; null: it got none; Infinity: it was never found out. */
  readonly life: number | null
  /** The part of the time from the theft on in which the thief had a good access token. */
  readonly usable: number
}

/** Mulberry32. */
const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Events by time, and by the order in which they were made. */
class Agenda {
  now = 0
  readonly #events: { at: number; call: () => void }[] = []

  at(at: number, call: () => void): void {
    let i = this.#events.length
    while (i > 0 && this.#events[i - 1]!.at > at) i--
    this.#events.splice(i, 0, { at, call })
  }

  run(until: number): void {
    for (let next = this.#events.shift(); next !== undefined && next.at <= until; next = this.#events.shift()) {
      this.now = next.at
      next.call()
    }
  }
}

interface Job {
  readonly isMain: boolean
  readonly generation: number
  attempt: number | null
  readonly stale: boolean
  readonly done: () => void
}

interface Kept {
  readonly generation: number
  readonly attempt: number | null
}

/** What the thief hears of. */
interface Hooks {
  attempt: () => void
  /** The owner got a token. */
  served: () => void
  /** The owner made a step. */
  rotated: () => void
  /** The thief made a step: the owner's socket tells. */
  stolenStep: () => void
}

const exponential = (chance: () => number, mean: number): number => -Math.log(1 - chance()) * mean

class Owner {
  kept: Kept = { generation: 0, attempt: null }
  readonly #agenda: Agenda
  readonly #family: Family
  readonly #rule: Rule
  readonly #device: Device
  readonly #chance: () => number
  readonly #newAttempt: () => number
  readonly #hooks: Hooks
  #asleepUntil = 0
  #signedOut = false
  #cycles = 0

  constructor(
    agenda: Agenda,
    family: Family,
    rule: Rule,
    device: Device,
    chance: () => number,
    newAttempt: () => number,
    hooks: Hooks,
  ) {
    this.#agenda = agenda
    this.#family = family
    this.#rule = rule
    this.#device = device
    this.#chance = chance
    this.#newAttempt = newAttempt
    this.#hooks = hooks
  }

  awake(at: number, call: () => void): void {
    this.#agenda.at(at, () => {
      if (this.#agenda.now < this.#asleepUntil) this.awake(this.#asleepUntil + 2 * this.#chance(), call)
      else if (!this.#signedOut) call()
    })
  }

  cycle(): void {
    const { device, chance } = { device: this.#device, chance: this.#chance }
    const mine = ++this.#cycles
    const before = this.kept
    const rest = (): void => {
      if (mine !== this.#cycles) return
      const late = chance() < 0.15 ? exponential(chance, 3600) : 0
      this.awake(this.#agenda.now + ACCESS_TOKEN * (0.8 + 0.1 * chance()) + late, () => {
        if (mine !== this.#cycles) return
        if (chance() < device.nap) this.#sleep()
        this.awake(this.#agenda.now, () => this.cycle())
      })
    }
    const stored = device.client === 'stored'
    const { generation, attempt } = this.kept
    this.#send({ isMain: true, generation, attempt: stored ? attempt : null, stale: false, done: rest }, 0)
    if (chance() >= device.double) return
    // No lock: the second tab's timer fires as well, and it retries by itself.
    const read = device.race ? before : this.kept
    const second: Job = {
      isMain: false,
      generation: read.generation,
      attempt: stored ? read.attempt : null,
      stale: device.stale,
      done: () => undefined,
    }
    this.awake(this.#agenda.now + 3 * chance(), () => this.#send(second, 0))
  }

  #sleep(): void {
    const chance = this.#chance
    const nap = chance() < 0.5 ? exponential(chance, 3600) : 14_400 + 50_400 * chance()
    this.#asleepUntil = this.#agenda.now + Math.min(0.6 * DAY, nap)
  }

  #crash(job: Job): void {
    this.awake(this.#agenda.now + 5 + exponential(this.#chance, 300), () => {
      if (job.isMain) this.cycle()
    })
  }

  #again(job: Job, tries: number, wait: number): void {
    const chance = this.#chance
    const gap = chance() < 0.05 ? exponential(chance, 1800) : 0
    this.awake(this.#agenda.now + wait + Math.min(300, 2 ** tries) * chance() + gap, () => {
      // Another tab has stored the successor.
      if (!job.stale && this.kept.generation > job.generation) job.done()
      else this.#send(job, tries + 1)
    })
  }

  #send(job: Job, tries: number): void {
    const { client, crash, lid, loss } = this.#device
    const chance = this.#chance
    if (client !== 'no attempt' && job.attempt === null) {
      job.attempt = this.#newAttempt()
      if (client === 'stored') this.kept = { generation: this.kept.generation, attempt: job.attempt }
    }
    this.#hooks.attempt()
    // Between store and send.
    if (chance() < crash) {
      this.#crash(job)
      return
    }
    if (chance() < lid) this.#sleep()
    if (chance() < loss / 2) {
      this.#again(job, tries, TIMEOUT)
      return
    }
    this.#agenda.at(this.#agenda.now + 0.02 + exponential(chance, chance() < 0.01 ? 20 : 0.1), () =>
      this.#arrive(job, tries),
    )
  }

  #arrive(job: Job, tries: number): void {
    const { crash, loss } = this.#device
    const chance = this.#chance
    const { verdict, token } = present(this.#family, this.#rule, job.generation, job.attempt, this.#agenda.now)
    if (verdict === 'step') this.#hooks.rotated()
    if (token !== null) this.#hooks.served()
    const backAt = this.#agenda.now + 0.02 + exponential(chance, 0.1)
    if (chance() < loss / 2 || backAt < this.#asleepUntil) {
      this.#again(job, tries, TIMEOUT)
      return
    }
    this.#agenda.at(backAt, () => {
      if (verdict === 'reuse' || verdict === 'dead') {
        this.#signedOut = true
      } else if (token === null) {
        this.#again(job, tries, RETRY_AFTER)
      } else if (chance() < crash) {
        // Between answer and store.
        this.#crash(job)
      } else {
        if (token > this.kept.generation) this.kept = { generation: token, attempt: null }
        if (chance() < 0.97) {
          this.#agenda.at(this.#agenda.now + 0.2 + chance(), () => {
            if (token === this.#family.generation) this.#family.confirmed = true
          })
        }
        job.done()
      }
    })
  }
}

export const run = (seed: number, rule: Rule, device: Device): Outcome => {
  const [chance, luck] = [random(seed * 7919 + 1), random(seed * 104_729 + 2)]
  const family = newFamily()
  const agenda = new Agenda()
  const hooks: Hooks = {
    attempt: () => undefined,
    served: () => undefined,
    rotated: () => undefined,
    stolenStep: () => undefined,
  }
  let made = 0
  const newAttempt = (): number => ++made
  const owner = new Owner(agenda, family, rule, device, chance, newAttempt, hooks)
  agenda.at(1, () => owner.cycle())
  if (device.socket) {
    // It heard of a step, and its own store is still behind.
    hooks.stolenStep = () =>
      owner.awake(agenda.now + 12, () => {
        if (owner.kept.generation < family.generation) owner.cycle()
      })
  }

  /** When the thief got an access token, and until when it is good. */
  const held: [number, number][] = []
  let tookAt: number | null = null
  let stolen: Kept = owner.kept
  let have = 0
  const hold = (from: number): void => void held.push([from, from + ACCESS_TOKEN])
  const show = (n: number, attempt: number | null): number | null => {
    const { verdict, token } = present(family, rule, n, attempt, agenda.now)
    if (token !== null) have = Math.max(have, token)
    if (verdict === 'step') hooks.stolenStep()
    return token
  }

  /** Steps first, then keeps still until the owner has come. `repeats`: every nine seconds, to hold a window open. */
  const shadow = (attempt: () => number | null, repeats: boolean): void => {
    let servedAt = -1
    let drawer: { readonly token: number; readonly at: number } | null = null
    const step = (): void => {
      const [old, mine] = [have, attempt()]
      const token = show(old, mine)
      if (token === null) return
      // Where use confirms a token, using it would betray the thief.
      if (rule === rules.confirmed) drawer = { token, at: agenda.now }
      else hold(agenda.now)
      const repeat = (): void => {
        if (family.deadAt === null && family.generation === token && show(old, mine) !== null) {
          agenda.at(agenda.now + 9, repeat)
        }
      }
      if (repeats) agenda.at(agenda.now + 9, repeat)
    }
    agenda.at(agenda.now + 1, step)
    hooks.served = () => {
      const seen = agenda.now
      servedAt = seen
      agenda.at(agenda.now + 3, () => {
        const isGood =
          drawer !== null && family.deadAt === null && family.confirmed && drawer.token === family.generation
        if (drawer !== null && isGood && agenda.now < drawer.at + ACCESS_TOKEN) {
          hold(drawer.at)
          drawer = null
        }
      })
      agenda.at(agenda.now + 0.75 * ACCESS_TOKEN, () => {
        if (family.deadAt === null && servedAt === seen) step()
      })
    }
  }

  const thieves: Readonly<Record<Thief, () => void>> = {
    // At once; after a while; camping behind the owner's refresh.
    'three simple': () => {
      const go = (): void => {
        const token = show(have, newAttempt())
        if (token === null) return
        hold(agenda.now)
        if (token === family.generation) family.confirmed = true
        agenda.at(agenda.now + ACCESS_TOKEN * (0.7 + 0.2 * luck()), go)
      }
      agenda.at(agenda.now + [1, exponential(luck, 900), 5 + 20 * luck()][seed % 3]!, go)
    },
    'steps first': () => shadow(newAttempt, false),
    'steps first, repeats': () => shadow(newAttempt, true),
    'omits attempt': () => shadow(() => null, false),
    // Is told of each step by a socket, and shows the predecessor some seconds later.
    follower: () => {
      hooks.rotated = () =>
        agenda.at(agenda.now + 2 + 3 * luck(), () => {
          if (show(have, device.client === 'no attempt' ? null : newAttempt()) !== null) hold(agenda.now)
          else hooks.rotated = () => undefined
        })
    },
    'token+attempt, steps': () => {
      const go = (attempt: number | null): void => {
        if (show(have, attempt) === null) return
        hold(agenda.now)
        agenda.at(agenda.now + 0.75 * ACCESS_TOKEN, () => go(newAttempt()))
      }
      go(stolen.attempt)
    },
    // Never steps, and stops in time.
    'token+attempt, replays': () => {
      const go = (): void => {
        if (family.generation > stolen.generation + 1 || show(stolen.generation, stolen.attempt) === null) return
        hold(agenda.now)
        agenda.at(agenda.now + 300, go)
      }
      go()
    },
  }
  const { thief } = device
  if (thief !== null) {
    const steal = (): void => {
      // It waits for a refresh under way.
      if (thief.startsWith('token+') && owner.kept.attempt === null) {
        hooks.attempt = steal
        return
      }
      hooks.attempt = () => undefined
      tookAt = agenda.now
      stolen = owner.kept
      have = stolen.generation
      thieves[thief]()
    }
    agenda.at(3600 + 7200 * luck(), steal)
  }

  agenda.run(device.until)
  const end = family.deadAt ?? device.until
  let usable = 0
  let until = 0
  for (const [from, to] of held.sort((a, b) => a[0] - b[0])) {
    usable += Math.max(0, Math.min(to, end) - Math.max(from, until))
    until = Math.max(until, Math.min(to, end))
  }
  return {
    deadAt: family.deadAt,
    life: held.length === 0 ? null : (family.deadAt ?? Number.POSITIVE_INFINITY) - held[0]![0],
    usable: tookAt === null ? 0 : usable / (device.until - tookAt),
  }
}
