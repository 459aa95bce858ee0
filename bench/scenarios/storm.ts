/** The server is killed, and everybody comes back at once. */
import { latencyRowOf } from '../latency.ts'
import { monotonicMs } from '../load/clock.ts'
import type { Finding, Scenario } from '../scenario.ts'

export const storm: Scenario = {
  name: 'storm',
  doc: 'all sockets come back after the server was killed with SIGKILL',
  run: async (bench) => {
    const { sockets, transports } = bench.options
    const findings: Finding[] = []
    for (const transport of transports) {
      const latchkey = await bench.latchkey({ transport })
      const { tokens } = latchkey.sessions
      bench.step(`storm: ${sockets.storm} sockets to ${latchkey.name}`)
      const pool = await bench.load(latchkey, { kind: 'hold', tokens, sockets: sockets.storm })
      await pool.comeBack()
      bench.step('storm: killed')
      await latchkey.crash!()
      const servedAt = monotonicMs()
      const returns = await pool.returns()
      // Who came before its first line is said is counted as there at once.
      const waits = returns.map((at) => Math.max(0, at - servedAt))
      findings.push({
        kind: 'latency',
        title: `storm: ${sockets.storm} sockets in again, from the first line of the new process: ${latchkey.name}`,
        rows: [latencyRowOf(latchkey.name, waits, sockets.storm - returns.length)],
      })
      await bench.end()
    }
    return findings
  },
}
