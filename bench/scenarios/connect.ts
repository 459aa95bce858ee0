/** A socket opened, authenticated, asked once and closed cleanly: with tokens that were seen before, and with new ones. */
import type { Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'
import { connecting, PARALLEL, unseenCount } from './connecting.ts'
import { contest } from './contest.ts'

export const connect: Scenario = {
  name: 'connect',
  doc: 'open a socket, authenticate, ask once, close; tokens seen before and not',
  run: async (bench) => {
    const seen = await contest(bench, {
      title: 'connect, tokens seen before',
      work: ({ sessions }) => ({ kind: 'connect', tokens: sessions.tokens, shown: 2, parallel: PARALLEL }),
      openAt: [0.5],
    })
    await bench.end()

    const baseline = await bench.bare('uws')
    const targets: Target[] = baseline === null ? [] : [baseline]
    for (const transport of bench.options.transports) {
      const latchkey = await bench.latchkey({ transport })
      // Its grants are in memory: only the tokens are new.
      const { tokens } = latchkey.sessions
      await bench.load(latchkey, { kind: 'connect', tokens, shown: 2, parallel: PARALLEL })
      targets.push(latchkey)
    }
    const count = unseenCount(bench.options)
    const title = 'connect, tokens not seen before, grants in memory'
    return [...seen, await connecting(bench, title, targets, (target) => target.unseen!(count), 0)]
  },
}
