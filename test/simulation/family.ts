/**
 * One session whose refresh token rotates, its owner's two tabs and a thief, as commands for fast-check. What is expected is
 * said from the outside, by who was given which token with which attempt: the rules of the product are not repeated here.
 */
import fc from 'fast-check'
import { expect } from 'vitest'

/** What a presented token got. */
export type Answer =
  | { readonly token: string; readonly generation: number }
  | { readonly error: 'invalid_grant' | 'invalid_request' | 'temporarily_unavailable' }

/** A session on a server, of which the commands know nothing more. */
export interface Family {
  /** Of generation 0. */
  readonly first: string
  present(token: string, attempt: string | null): Promise<Answer>
  /** True for the token that counts now; asking changes nothing. */
  isLive(token: string): Promise<boolean>
  /** What else can be looked at, once the session is as it is said to be. */
  look(is: { readonly dead: boolean; readonly generation: number; readonly attempt: string | null }): Promise<void>
  newAttempt(): string
  /** Moves the clock; back too. */
  move(ms: number): void
  /** Ends the process and starts it anew on the same data. */
  restart(): Promise<void>
}

const SECOND = 1000
const WINDOW_MS = 10 * SECOND

interface Pair {
  readonly token: string
  readonly generation: number
  readonly attempt: string | null
}

type Tab =
  | { readonly is: 'idle' }
  /** What it sends is kept, and not at the server yet. */
  | { readonly is: 'sending'; readonly sent: Pair }
  /** Not kept yet. */
  | { readonly is: 'answered'; readonly given: Pair }

/** Everything that has happened. */
export class World {
  /** What the tabs share, written as a whole. */
  kept: Pair
  readonly tabs: [Tab, Tab] = [{ is: 'idle' }, { is: 'idle' }]
  /** By generation: the token, and the attempt of whoever made the step to it. */
  readonly made: Map<number, { readonly token: string; readonly attempt: string | null }>
  readonly ownersAttempts = new Set<string>()
  /** The thief's tokens; each with the attempt that it was stolen with, gotten with or last shown with. */
  readonly loot: Pair[] = []
  newest = 0
  now = 0
  steppedAt = Number.NEGATIVE_INFINITY
  /** The thief made a step of its own: the owner is behind it. */
  parted = false
  dead = false

  constructor(first: string) {
    this.kept = { token: first, generation: 0, attempt: null }
    this.made = new Map([[0, { token: first, attempt: null }]])
  }

  get inWindow(): boolean {
    return Math.abs(this.now - this.steppedAt) <= WINDOW_MS
  }

  /** What holds of every token that is given, to whomever. */
  given(shown: Pair, answer: { readonly token: string; readonly generation: number }): Pair {
    const { token, generation } = answer
    expect(generation).toBe(shown.generation + 1)
    const before = this.made.get(generation)
    if (before === undefined) {
      expect(shown.generation).toBe(this.newest)
      expect([...this.made.values()].some((other) => other.token === token)).toBe(false)
      this.made.set(generation, { token, attempt: shown.attempt })
      this.newest = generation
      this.steppedAt = this.now
      if (shown.attempt === null || !this.ownersAttempts.has(shown.attempt)) this.parted = true
    } else {
      // Nobody has a successor but whoever made it, and to the byte.
      expect([generation, before]).toEqual([this.newest, { token, attempt: shown.attempt }])
    }
    return { token, generation, attempt: null }
  }
}

/** How often what has happened in all runs: a claim about what never happened would be none. */
export type Tally = Map<string, number>

abstract class Command implements fc.AsyncCommand<World, Family> {
  readonly #tally: Tally

  constructor(tally: Tally) {
    this.#tally = tally
  }

  protected count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1)
  }

  abstract check(world: Readonly<World>): boolean
  protected abstract act(world: World, family: Family): Promise<void>

  async run(world: World, family: Family): Promise<void> {
    await this.act(world, family)
    await expectSound(world, family)
  }

  abstract toString(): string
}

/** What holds after every command. */
const expectSound = async (world: World, family: Family): Promise<void> => {
  const { made, newest, kept, parted, dead } = world
  const { attempt } = made.get(newest)!
  const latest = [...made.keys()].slice(-4)
  // Side by side: they share a turn of the database.
  const [live] = await Promise.all([
    Promise.all(latest.map((generation) => family.isLive(made.get(generation)!.token))),
    family.look({ dead, generation: newest, attempt }),
  ])
  expect(latest.filter((_, i) => live[i])).toEqual(dead ? [] : [newest])
  if (parted || dead) return
  // What the owner keeps opens the session: the newest token, or the one before with the attempt of its step.
  if (kept.generation !== newest) expect([kept.generation, kept.attempt]).toEqual([newest - 1, attempt])
}

/** A tab reads what is kept; where no attempt is under way it makes one, in the same transaction. */
class Begin extends Command {
  readonly tab: 0 | 1

  constructor(tally: Tally, tab: 0 | 1) {
    super(tally)
    this.tab = tab
  }

  check({ tabs }: Readonly<World>): boolean {
    return tabs[this.tab].is === 'idle'
  }

  protected async act(world: World, family: Family): Promise<void> {
    if (world.kept.attempt === null) {
      const attempt = family.newAttempt()
      world.kept = { ...world.kept, attempt }
      world.ownersAttempts.add(attempt)
    } else {
      this.count('an attempt goes on')
    }
    world.tabs[this.tab] = { is: 'sending', sent: world.kept }
  }

  toString(): string {
    return `tab ${this.tab} begins`
  }
}

/** The request arrives; perhaps its answer does not. */
class Deliver extends Command {
  readonly tab: 0 | 1
  readonly isLost: boolean

  constructor(tally: Tally, tab: 0 | 1, isLost: boolean) {
    super(tally)
    this.tab = tab
    this.isLost = isLost
  }

  check({ tabs, newest, parted, dead }: Readonly<World>): boolean {
    const tab = tabs[this.tab]
    if (tab.is !== 'sending') return false
    // One that was overtaken by the whole next refresh looks like a theft, and no rule can tell: the network drops it here.
    return parted || dead || tab.sent.generation >= newest - 1
  }

  protected async act(world: World, family: Family): Promise<void> {
    const tab = world.tabs[this.tab]
    if (tab.is !== 'sending') throw new Error('nothing to deliver')
    world.tabs[this.tab] = { is: 'idle' }
    const answer = await family.present(tab.sent.token, tab.sent.attempt)
    if ('token' in answer) {
      // Once the thief has made a step of its own the owner gets nothing more.
      expect([world.dead, world.parted]).toEqual([false, false])
      this.count(world.made.has(answer.generation) ? 'the owner repeats' : 'the owner steps')
      const given = world.given(tab.sent, answer)
      if (this.isLost) this.count('an answer is lost')
      else world.tabs[this.tab] = { is: 'answered', given }
      return
    }
    // Without a thief's step there is no other answer, whatever was lost, repeated or forgotten.
    expect([answer.error, world.parted || world.dead]).toEqual([answer.error, true])
    if (world.dead) {
      expect(answer.error).toBe('invalid_grant')
      return
    }
    if (answer.error === 'temporarily_unavailable') {
      expect([world.inWindow, tab.sent.generation]).toEqual([true, world.newest - 1])
      this.count('the owner is told to wait')
      return
    }
    expect(answer.error).toBe('invalid_grant')
    expect(world.inWindow && tab.sent.generation === world.newest - 1).toBe(false)
    world.dead = true
    this.count('the owner ends it')
  }

  toString(): string {
    return `the request of tab ${this.tab} arrives${this.isLost ? ', and its answer is lost' : ''}`
  }
}

/** A tab keeps what it was given, if it is newer than what is kept. */
class Keep extends Command {
  readonly tab: 0 | 1

  constructor(tally: Tally, tab: 0 | 1) {
    super(tally)
    this.tab = tab
  }

  check({ tabs }: Readonly<World>): boolean {
    return tabs[this.tab].is === 'answered'
  }

  protected async act(world: World): Promise<void> {
    const tab = world.tabs[this.tab]
    if (tab.is !== 'answered') throw new Error('nothing to keep')
    world.tabs[this.tab] = { is: 'idle' }
    if (tab.given.generation > world.kept.generation) world.kept = tab.given
    else this.count('another tab was first')
  }

  toString(): string {
    return `tab ${this.tab} keeps its answer`
  }
}

/** A tab forgets all that is not kept, wherever it is. */
class Crash extends Command {
  readonly tab: 0 | 1

  constructor(tally: Tally, tab: 0 | 1) {
    super(tally)
    this.tab = tab
  }

  check({ tabs }: Readonly<World>): boolean {
    return tabs[this.tab].is !== 'idle'
  }

  protected async act(world: World): Promise<void> {
    this.count(`a crash while ${world.tabs[this.tab].is}`)
    world.tabs[this.tab] = { is: 'idle' }
  }

  toString(): string {
    return `tab ${this.tab} crashes`
  }
}

class Steal extends Command {
  readonly withAttempt: boolean

  constructor(tally: Tally, withAttempt: boolean) {
    super(tally)
    this.withAttempt = withAttempt
  }

  check({ dead }: Readonly<World>): boolean {
    return !dead
  }

  protected async act({ kept, loot }: World): Promise<void> {
    loot.push(this.withAttempt ? kept : { ...kept, attempt: null })
  }

  toString(): string {
    return `the thief takes the token${this.withAttempt ? ' and its attempt' : ''}`
  }
}

/** The thief shows one of its tokens, counted from the last. */
class Abuse extends Command {
  readonly which: number
  readonly how: 'with a new attempt' | 'without an attempt' | 'as before'

  constructor(tally: Tally, which: number, how: Abuse['how']) {
    super(tally)
    this.which = which
    this.how = how
  }

  check({ loot }: Readonly<World>): boolean {
    return loot.length > 0
  }

  protected async act(world: World, family: Family): Promise<void> {
    const { loot, made, newest } = world
    const i = loot.length - 1 - (this.which % loot.length)
    const attempt = {
      'with a new attempt': family.newAttempt(),
      'without an attempt': null,
      'as before': loot[i]!.attempt,
    }
    const shown: Pair = { ...loot[i]!, attempt: attempt[this.how] }
    loot[i] = shown
    const answer = await family.present(shown.token, shown.attempt)
    if (world.dead) {
      expect(answer).toEqual({ error: 'invalid_grant' })
    } else if ('token' in answer) {
      const isStep = !made.has(answer.generation)
      // A successor of the owner's comes with the owner's attempt alone; `given` holds that.
      loot.push({ ...world.given(shown, answer), attempt: shown.attempt })
      this.count(isStep ? 'the thief steps' : 'the thief repeats')
    } else if (answer.error === 'temporarily_unavailable') {
      expect([world.inWindow, shown.generation]).toEqual([true, newest - 1])
      this.count('the thief is told to wait')
    } else if (answer.error === 'invalid_request') {
      expect([shown.generation, shown.attempt]).toEqual([newest, made.get(newest)!.attempt])
      expect(shown.attempt).not.toBe(null)
      this.count('an attempt has served')
    } else {
      expect(shown.generation).toBeLessThan(newest)
      world.dead = true
      this.count('the thief ends it')
    }
  }

  toString(): string {
    return `the thief shows its token -${this.which} ${this.how}`
  }
}

class Pass extends Command {
  readonly ms: number

  constructor(tally: Tally, ms: number) {
    super(tally)
    this.ms = ms
  }

  check(): boolean {
    return true
  }

  protected async act(world: World, family: Family): Promise<void> {
    family.move(this.ms)
    world.now += this.ms
    if (this.ms < 0) this.count('the clock goes back')
  }

  toString(): string {
    return `${this.ms / SECOND} s pass`
  }
}

class Restart extends Command {
  check(): boolean {
    return true
  }

  protected async act(_: World, family: Family): Promise<void> {
    await family.restart()
    this.count('a restart')
  }

  toString(): string {
    return 'the server is started anew'
  }
}

/** `seconds`: how the clock may move. */
export const familyCommands = (tally: Tally, seconds: readonly number[], size: number) => {
  const tab = fc.constantFrom(0 as const, 1 as const)
  const begins = tab.map((t) => new Begin(tally, t))
  const arrives = fc.tuple(tab, fc.boolean()).map(([t, isLost]) => new Deliver(tally, t, isLost))
  const keeps = tab.map((t) => new Keep(tally, t))
  const abuses = fc
    .tuple(fc.nat(3), fc.constantFrom('with a new attempt', 'without an attempt', 'as before'))
    .map(([which, how]) => new Abuse(tally, which, how))
  return fc.commands(
    [
      // The owner is at it more often than anybody else.
      ...[begins, begins, arrives, arrives, arrives, keeps, keeps],
      tab.map((t) => new Crash(tally, t)),
      fc.boolean().map((withAttempt) => new Steal(tally, withAttempt)),
      abuses,
      fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...seconds).map((s) => new Pass(tally, s * SECOND)) },
        { weight: 1, arbitrary: fc.constant(new Restart(tally)) },
      ),
    ],
    { maxCommands: size, size: 'max' },
  )
}

/** What came of a run, once the network is good again: the owner is in, or the theft comes out at its next refresh. */
export const expectSettled = async (world: World, family: Family, tally: Tally): Promise<void> => {
  const wait = new Pass(tally, 15 * SECOND)
  await wait.run(world, family)
  world.tabs[0] = { is: 'idle' }
  await new Begin(tally, 0).run(world, family)
  const { parted, dead } = world
  await new Deliver(tally, 0, false).run(world, family)
  expect(world.dead).toBe(parted || dead)
  if (world.dead) return
  await new Keep(tally, 0).run(world, family)
  expect(world.kept).toEqual({ ...world.made.get(world.newest), generation: world.newest, attempt: null })
}
