/** From a revocation to the close of each socket that lived on it. */
import { latencyRowOf } from '../latency.ts'
import { monotonicMs } from '../load/clock.ts'
import { BenchFailed } from '../load/socket.ts'
import type { Finding, LatencyRow, Scenario } from '../scenario.ts'

export const revoke: Scenario = {
  name: 'revoke',
  doc: 'from a revocation to the close of each of its sockets',
  run: async (bench) => {
    const { sockets, rounds, transports } = bench.options
    const findings: Finding[] = []
    for (const transport of transports) {
      const fromRequest: number[] = []
      const fromAnswer: number[] = []
      const latchkey = await bench.latchkey({ transport, grants: rounds, used: rounds })
      const { tokens, refreshTokens } = latchkey.sessions
      for (const [i, token] of tokens.entries()) {
        bench.step(`revoke: ${sockets.revoke} sockets of one session (${latchkey.name})`)
        const pool = await bench.load(latchkey, { kind: 'hold', tokens: [token], sockets: sockets.revoke })
        const begin = monotonicMs()
        const response = await fetch(`${latchkey.url}/auth/revoke`, {
          method: 'POST',
          body: new URLSearchParams({ token: refreshTokens![i]! }),
        })
        const answered = monotonicMs()
        if (response.status !== 200) throw new BenchFailed(`revoked with ${response.status}`)
        const ends = await ended(pool, sockets.revoke)
        fromRequest.push(...ends.map((at) => at - begin))
        fromAnswer.push(...ends.map((at) => Math.max(0, at - answered)))
      }
      const rows: LatencyRow[] = [
        latencyRowOf('from the request', fromRequest, 0),
        latencyRowOf('from the answer', fromAnswer, 0),
      ]
      findings.push({
        kind: 'latency',
        title: `revoke to close, ${sockets.revoke} sockets of one session, ${rounds} times: ${latchkey.name}`,
        rows,
      })
      await bench.end()
    }
    return findings
  },
}

/** All ends, once there are so many. */
const ended = async (pool: { ends(): Promise<readonly number[]> }, count: number): Promise<readonly number[]> => {
  const ends: number[] = []
  const limit = monotonicMs() + 10_000
  while (ends.length < count) {
    ends.push(...(await pool.ends()))
    if (monotonicMs() > limit) throw new BenchFailed(`only ${ends.length} of ${count} sockets were closed`)
  }
  return ends
}
