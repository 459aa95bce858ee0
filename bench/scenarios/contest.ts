/** The shape of most scenarios: questions on sockets in turn, and open loops at parts of the rate that was reached. */
import { latencyRow } from '../latency.ts'
import { type Dialect, dialects } from '../load/dialects.ts'
import type { Work } from '../load/worker.ts'
import type { Bench, Finding, LatencyRow } from '../scenario.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from '../targets/bare-server.ts'
import { contend } from './contend.ts'

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
  { title, answers = {}, work, openAt = [] }: Contest,
): Promise<readonly Finding[]> => {
  const { contestants, lines, findings } = await contend(bench, {
    title,
    answers,
    withWs: true,
    load: (target) => {
      const wanted = target.dialect === null ? null : work(target, dialects[target.dialect])
      return wanted === null ? null : bench.load(target, wanted)
    },
  })
  const open: Finding[] = []
  for (const part of openAt) {
    const rows: LatencyRow[] = []
    for (const [i, { name, rate }] of lines.entries()) {
      if (name.endsWith('again')) continue
      bench.step(`${title}: open loop on ${name}`)
      const perSecond = Math.max(1, Math.round(rate.median * part))
      const { latency, lost } = await contestants[i]!.pool.open(perSecond, bench.options.openSeconds * 1000)
      rows.push(latencyRow(`${name} at ${perSecond}/s`, latency, lost))
    }
    open.push({ kind: 'latency', title: `${title}: open loop at ${part * 100} % of the rate reached`, rows })
  }
  return [...findings, ...open]
}
