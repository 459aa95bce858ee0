/** What the cases have in common: entering, waiting with a bound, and letting two things meet at random moments. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Answer, type End, Impossible, type Live, type Person, type Session, type System } from '../adapter.ts'

/** How often a race is run. */
export const ROUNDS = Number(process.env['LATCHKEY_LIVE_ROUNDS'] ?? 15)

/** Nothing that is asked takes longer. */
const ANSWER_MS = 5000

/** Rejects with a sentence where nothing happens in time. */
export const within = async <T>(promise: Promise<T>, ms: number, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Fails unless the answer is this one. */
export const answers = async (answer: Promise<Answer>, wanted: Answer, what: string): Promise<void> => {
  expect(await within(answer, ANSWER_MS, what), what).toBe(wanted)
}

/** Fails where a socket is served. */
export const notServed = async (answer: Promise<Answer>, what: string): Promise<void> => {
  expect(await within(answer, ANSWER_MS, what), what).not.toBe('served')
}

/** Shows a token on a new socket. */
export const show = async (system: System, token: string): Promise<Live> => (await system.knock()).show(token)

/** A socket that was let in. */
export const enter = async (system: System, token: string): Promise<Live> => {
  const live = await show(system, token)
  expect(await within(live.admitted, ANSWER_MS, 'a good token'), 'a good token is let in').toBe(true)
  return live
}

/** Fails unless the system closes the socket in time, with the code that it promises. */
export const closes = async (system: System, { closed }: Pick<Live, 'closed'>, end: End, what: string) => {
  const { code } = await within(closed, system.promises.closesWithinMs, `${what} is not closed`)
  expect(code, `${what}: close code`).toBe(system.promises.closes[end])
}

/** Fails unless a token is turned away on a new socket, with the code for that. */
export const refused = async (system: System, token: string, what: string): Promise<void> => {
  const live = await show(system, token)
  expect(await within(live.admitted, ANSWER_MS, what), `${what} is let in`).toBe(false)
  await closes(system, live, 'refused', what)
}

/** Lets time pass, unless only real time passes and it would take too long. */
export const pass = async ({ time }: System, ms: number): Promise<void> => {
  if (ms > time.longestMs) {
    throw new Impossible(`its clock cannot be moved, and this takes ${Math.ceil(ms / 1000)} s`)
  }
  await time.pass(ms)
}

/** Somebody new with a session that can be refreshed. */
export const newcomer = async (system: System): Promise<{ readonly person: Person; readonly session: Session }> => {
  const person = await system.person()
  return { person, session: await system.logIn(person, { refreshes: true }) }
}

/** Somebody new with sessions of whatever kind. */
export const withSessions = async (system: System, count: number): Promise<readonly Session[]> => {
  const person = await system.person()
  const sessions: Session[] = []
  for (let i = 0; i < count; i++) sessions.push(await system.logIn(person))
  return sessions
}

const until = async (at: number): Promise<void> => {
  while (performance.now() < at) await nextTurn()
}

/** Starts two things so that each moment of the one meets each moment of the other, in some round. */
export class Race {
  /** What the slower of the two takes, as far as is known. */
  #spanMs = 1

  /** Either may begin first, by up to what the slower one takes. Resolves to both results. */
  async run<A, B>(one: () => Promise<A>, other: () => Promise<B>): Promise<[A, B]> {
    const offset = (Math.random() * 2 - 1) * this.#spanMs
    const begin = performance.now()
    let took = 0
    const timed = async <T>(call: () => Promise<T>, wait: number): Promise<T> => {
      await until(begin + wait)
      const from = performance.now()
      const result = await call()
      took = Math.max(took, performance.now() - from)
      return result
    }
    const results = await Promise.all([timed(one, Math.max(0, offset)), timed(other, Math.max(0, -offset))])
    this.#spanMs += (took - this.#spanMs) / 8
    return results
  }
}

/** Counts outcomes, for the record. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1)
  }

  toString(): string {
    return [...this.#counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  }
}
