/** A day's shape: everything at once, at fixed rates, none of which waits for another. */

import { BenchFailed } from '../failed.ts'
import { latencyRow } from '../latency.ts'
import { beginning, flowLogin } from '../load/logins.ts'
import type { Latencies, Pool } from '../load/pool.ts'
import { openLoop } from '../load/schedule.ts'
import type { Work } from '../load/worker.ts'
import type { Finding, Scenario } from '../scenario.ts'

/** A second of it: many look whether they are still there, some come and go, few log in. */
const RATES = { connect: 200, command: 2000, renew: 50, refresh: 50, login: 1, revoke: 2 } as const
const SOCKETS = 500

export const mixed: Scenario = {
  name: 'mixed',
  doc: 'connects, commands, renewals, refreshes, logins and revocations together, at fixed rates',
  run: async (bench) => {
    const { transports, openSeconds } = bench.options
    const findings: Finding[] = []
    for (const transport of transports) {
      // Sessions that are ended are ended once, and are not those of the others.
      const toEnd = Math.ceil(RATES.revoke * openSeconds)
      const used = 200
      const latchkey = await bench.latchkey({ transport, grants: used + toEnd, used: used + toEnd, core: null })
      const { sessions } = latchkey
      const tokens = sessions.tokens.slice(0, used)
      const refreshTokens = sessions.refreshTokens!.slice(0, used)
      const ask = { kind: 'ask', tokens, refreshTokens, clientId: latchkey.seed.clientId, depth: 1 } as const
      const works: readonly (readonly [keyof typeof RATES, Work])[] = [
        ['connect', { kind: 'connect', tokens, shown: 2, parallel: 1 }],
        ['command', { ...ask, question: 'command', sockets: SOCKETS }],
        ['renew', { ...ask, question: 'renew', sockets: SOCKETS }],
        ['refresh', { ...ask, question: 'refresh', sockets: SOCKETS }],
      ]
      const pools: (readonly [keyof typeof RATES, Pool])[] = []
      for (const [name, work] of works) pools.push([name, await bench.load(latchkey, work, 1)])
      let ending = used
      const revoke = async (): Promise<void> => {
        const body = new URLSearchParams({ token: sessions.refreshTokens![ending++]! })
        const { status } = await fetch(`${latchkey.url}/auth/revoke`, { method: 'POST', body })
        if (status !== 200) throw new BenchFailed(`revoked with ${status}`)
      }
      const logIn = flowLogin(latchkey.url, latchkey.seed.clientId, latchkey.login!)
      bench.step(`mixed: ${openSeconds} s on ${latchkey.name}`)
      const ms = openSeconds * 1000
      const measured: readonly (readonly [string, Latencies])[] = await Promise.all([
        ...pools.map(async ([name, pool]) => [name, await pool.open(RATES[name], ms)] as const),
        openLoop(beginning(logIn), RATES.login, ms).then((found) => ['login', found] as const),
        openLoop(beginning(revoke), RATES.revoke, ms).then((found) => ['revoke', found] as const),
      ])
      findings.push({
        kind: 'latency',
        title: `mixed, nothing pinned: ${latchkey.name}`,
        rows: measured.map(([name, { latency, lost }]) =>
          latencyRow(`${name}, ${RATES[name as keyof typeof RATES]}/s`, latency, lost),
        ),
      })
      await bench.end()
    }
    return findings
  },
}
