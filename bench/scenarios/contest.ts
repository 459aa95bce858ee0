/** The shape of most scenarios: the same load on a baseline, on the baseline once more, and on everything that can take it. */
import { latencyRow } from '../latency.ts'
import { type Dialect, dialects } from '../load/dialects.ts'
import type { Pool } from '../load/pool.ts'
import type { Work } from '../load/worker.ts'
import { alternate, type Contestant } from '../measure.ts'
import type { Bench, Finding, LatencyRow } from '../scenario.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from '../targets/bare-server.ts'

export interface Contest {
  readonly title: string
  /** What a baseline answers. */
  readonly answers?: Partial<BareAnswers>
  /** The load on a target; null where it cannot take it. */
  work(target: Target, dialect: Dialect): Work | null
  /** Open loops that follow, as parts of the rate that was reached. */
  readonly openAt?: readonly number[]
}

export const contest = async (
  bench: Bench,
  { title, answers, work, openAt = [] }: Contest,
): Promise<readonly Finding[]> => {
  const baseline = (await bench.bare('uws', answers)) ?? (await bench.bare('ws', answers))
  if (baseline === null) throw new Error('no baseline could be started')
  const targets: Target[] = [baseline, { ...baseline, name: `${baseline.name}, again` }]
  const bareWs = baseline.name.includes('uWebSockets') ? await bench.bare('ws', answers) : null
  if (bareWs !== null) targets.push(bareWs)
  for (const transport of bench.options.transports) targets.push(await bench.latchkey({ transport }))
  targets.push(...bench.others)

  const findings: Finding[] = []
  const contestants: Contestant<Pool>[] = []
  for (const target of targets) {
    const wanted = target.dialect === null ? null : work(target, dialects[target.dialect])
    if (wanted === null) {
      findings.push({ kind: 'note', title: `${title}: ${target.name} cannot do this` })
      continue
    }
    bench.step(`${title}: sockets to ${target.name}`)
    contestants.push({ name: target.name, pid: target.pid, pool: await bench.load(target, wanted) })
  }
  const { rounds, sliceMs, openSeconds } = bench.options
  const lines = await alternate(contestants, rounds, sliceMs, () => bench.step(title))
  findings.unshift({ kind: 'ratios', title, lines })

  for (const part of openAt) {
    const rows: LatencyRow[] = []
    for (const [i, { name, rate }] of lines.entries()) {
      if (name.endsWith('again')) continue
      bench.step(`${title}: open loop on ${name}`)
      const perSecond = Math.max(1, Math.round(rate.median * part))
      const { latency, lost } = await contestants[i]!.pool.open(perSecond, openSeconds * 1000)
      rows.push(latencyRow(`${name} at ${perSecond}/s`, latency, lost))
    }
    findings.push({ kind: 'latency', title: `${title}: open loop at ${part * 100} % of the rate reached`, rows })
  }
  return findings
}
