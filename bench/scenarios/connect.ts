/** A socket opened, authenticated, asked once and closed cleanly: with tokens that were seen before, and with new ones. */
import { alternate, type Contestant } from '../measure.ts'
import type { Finding, Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'
import { contest } from './contest.ts'

/** Sockets at once: fewer than any limit by address. */
const PARALLEL = 40
/** Tokens that are gathered for one slice: more than any server takes in that time. */
const UNSEEN_PER_SECOND = 25_000

export const connect: Scenario = {
  name: 'connect',
  doc: 'open a socket, authenticate, ask once, close; tokens seen before and not',
  run: async (bench) => {
    const seen = await contest(bench, {
      title: 'connect, tokens seen before',
      work: ({ sessions }) => ({ kind: 'connect', tokens: sessions.tokens, once: false, parallel: PARALLEL }),
      openAt: [0.5],
    })
    await bench.end()

    const { rounds, sliceMs, transports } = bench.options
    const baseline = await bench.bare('uws')
    const targets: Target[] = baseline === null ? [] : [baseline]
    for (const transport of transports) {
      const latchkey = await bench.latchkey({ transport })
      // Its grants are in memory: only the tokens are new.
      const { tokens } = latchkey.sessions
      await bench.load(latchkey, { kind: 'connect', tokens, once: false, parallel: PARALLEL })
      targets.push(latchkey)
    }
    const contestants: Contestant[] = []
    for (const target of targets) {
      const count = Math.ceil((UNSEEN_PER_SECOND * rounds * sliceMs) / 1000)
      const work = { kind: 'connect', tokens: target.unseen!(count), once: true, parallel: PARALLEL } as const
      contestants.push({ name: target.name, pid: target.pid, pool: await bench.load(target, work) })
    }
    const title = 'connect, tokens not seen before, grants in memory'
    const lines = await alternate(contestants, rounds, sliceMs, () => bench.step(title))
    const unseen: Finding = { kind: 'ratios', title, lines }
    return [...seen, unseen]
  },
}
