/** From a revocation to the close of each socket that lived on it. */

import { BenchFailed } from '../failed.ts'
import { latencyRowOf } from '../latency.ts'
import { monotonicMs } from '../load/clock.ts'
import type { Pool } from '../load/pool.ts'
import { spreadOf } from '../measure.ts'
import type { Bench, Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'

/** Milliseconds to the close of each socket. */
interface Delays {
  readonly fromRequest: number[]
  readonly fromAnswer: number[]
}

export const revoke: Scenario = {
  name: 'revoke',
  doc: 'from a revocation to the close of each of its sockets',
  run: async (bench) => {
    const { sockets, rounds, transports } = bench.options
    const count = sockets.revoke
    const targets: Target[] = []
    // A request to a baseline ends as many sockets, with nothing to find out before.
    for (const library of ['uws', 'ws'] as const) {
      const bare = await bench.bare(library, { ends: count })
      if (bare !== null) targets.push(bare)
    }
    const sessions = rounds + 1
    for (const transport of transports) {
      targets.push(await bench.latchkey({ transport, grants: sessions, used: sessions }))
    }
    const contestants = targets.map((target) => ({
      target,
      pool: bench.pool(1),
      delays: { fromRequest: [], fromAnswer: [] } as Delays,
      p99s: [] as number[],
    }))
    for (let round = 0; round < sessions; round++) {
      for (const { target, pool, delays, p99s } of contestants) {
        bench.step(`revoke: ${count} sockets to ${target.name}`)
        const found = await revokeOne(bench, target, pool, round, count)
        // In the first round the load warms up.
        if (round === 0) continue
        delays.fromRequest.push(...found.fromRequest)
        delays.fromAnswer.push(...found.fromAnswer)
        p99s.push(found.fromRequest[Math.floor(count * 0.99)]!)
      }
    }
    const title = `revoke to close, ${count} sockets of one session, ${rounds} times`
    const rows = (which: keyof Delays) =>
      contestants.map(({ target, delays }) => latencyRowOf(target.name, delays[which], 0))
    return [
      { kind: 'latency', title: `${title}: from the request`, rows: rows('fromRequest') },
      { kind: 'latency', title: `${title}: from the answer`, rows: rows('fromAnswer') },
      // One that the machine stood still in makes the percentiles of all together.
      {
        kind: 'figures',
        title: `${title}: each by itself, from the request until 99 of 100 are told`,
        figures: contestants.map(({ target, p99s }) => ({ name: target.name, value: spreadOf(p99s), unit: 'ms' })),
      },
    ]
  },
}

const revokeOne = async (
  bench: Bench,
  target: Target,
  pool: Pool,
  session: number,
  sockets: number,
): Promise<Delays> => {
  const { tokens, refreshTokens } = target.sessions
  await bench.prepare(pool, target, { kind: 'hold', tokens: [tokens[session]!], sockets })
  const ending = pool.ends()
  const begin = monotonicMs()
  const body = new URLSearchParams({ token: refreshTokens![session]! })
  const { status } = await fetch(`${target.url}/auth/revoke`, { method: 'POST', body })
  const answered = monotonicMs()
  if (status !== 200) throw new BenchFailed(`revoked with ${status}`)
  const ends = await ending
  return {
    fromRequest: ends.map((at) => at - begin),
    fromAnswer: ends.map((at) => Math.max(0, at - answered)),
  }
}
