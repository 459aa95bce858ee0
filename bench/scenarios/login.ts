/** Logins with a password, beside the hash alone; and what known tokens notice of them. */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { latencyRow } from '../latency.ts'
import { bareLogin, flowLogin, LoginLoad } from '../load/logins.ts'
import { alternate, type Contestant } from '../measure.ts'
import { startProcess } from '../process.ts'
import type { Finding, LatencyRow, Scenario } from '../scenario.ts'

/** As many as the gateway computes at once by default. */
const HASHED_AT_ONCE = Math.max(1, Math.floor(availableParallelism() / 2))
/** There is always one that waits for its turn. */
const PARALLEL = 2 * HASHED_AT_ONCE
/** Slices are longer: a login takes as long as thousands of other things. */
const SLICE_FACTOR = 5
const CACHED_PER_SECOND = 2000
const SOCKETS = 100

export const login: Scenario = {
  name: 'login',
  doc: 'logins with a password beside the bare hash, and cached authentications meanwhile',
  run: async (bench) => {
    const { transports, rounds, sliceMs, openSeconds } = bench.options
    const findings: Finding[] = []
    const hash = await startProcess(process.execPath, [
      fileURLToPath(new URL('../targets/bare-hash-server.js', import.meta.url)),
      String(HASHED_AT_ONCE),
    ])
    try {
      const contestants: Contestant[] = [
        { name: 'argon2id alone', pid: hash.pid, pool: new LoginLoad(bareLogin(String(hash.line['url'])), PARALLEL) },
      ]
      for (const transport of transports) {
        const { name, pid, url, login, sessions } = await bench.latchkey({ transport, core: null })
        contestants.push({ name, pid, pool: new LoginLoad(flowLogin(url, sessions.clientId!, login!), PARALLEL) })
      }
      const title = `logins, ${PARALLEL} at once, nothing pinned`
      for (const { pool } of contestants) await pool.closed(sliceMs)
      const lines = await alternate(contestants, rounds, SLICE_FACTOR * sliceMs, () => bench.step(title))
      findings.push({ kind: 'ratios', title, lines })
    } finally {
      await hash.stop('SIGKILL')
    }
    await bench.end()

    const rows: LatencyRow[] = []
    for (const transport of transports) {
      const latchkey = await bench.latchkey({ transport, core: null })
      const { tokens, clientId } = latchkey.sessions
      const logins = new LoginLoad(flowLogin(latchkey.url, clientId!, latchkey.login!), PARALLEL)
      const pool = await bench.load(latchkey, { kind: 'ask', question: 'renew', tokens, sockets: SOCKETS, depth: 1 })
      const meanwhile = async (name: string, busy: Promise<unknown>): Promise<void> => {
        bench.step(`login: ${name}`)
        const [{ latency, lost }] = await Promise.all([pool.open(CACHED_PER_SECOND, openSeconds * 1000), busy])
        rows.push(latencyRow(`${latchkey.name}, ${name}`, latency, lost))
      }
      await meanwhile('nobody logs in', Promise.resolve())
      await meanwhile(`${PARALLEL} logins at a time`, logins.closed(openSeconds * 1000))
      await bench.end()
    }
    const title = `known tokens, ${CACHED_PER_SECOND} a second in an open loop, while others log in`
    return [...findings, { kind: 'latency', title, rows }]
  },
}
