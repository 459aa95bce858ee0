/** The same HTTP requests on a baseline and on everything that answers them. */
import { HttpLoad, type HttpRequest } from '../load/http.ts'
import { alternate, type Contestant } from '../measure.ts'
import type { Bench, Finding } from '../scenario.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from '../targets/bare-server.ts'

export const httpContest = async (
  bench: Bench,
  title: string,
  answers: Partial<BareAnswers>,
  requests: (target: Target) => readonly HttpRequest[] | null,
): Promise<readonly Finding[]> => {
  const baseline = (await bench.bare('uws', answers)) ?? (await bench.bare('ws', answers))
  if (baseline === null) throw new Error('no baseline could be started')
  const targets: Target[] = [baseline, { ...baseline, name: `${baseline.name}, again` }]
  for (const transport of bench.options.transports) targets.push(await bench.latchkey({ transport }))
  targets.push(...bench.others)
  const findings: Finding[] = []
  const contestants: Contestant<HttpLoad>[] = []
  for (const target of targets) {
    const wanted = requests(target)
    if (wanted === null) {
      findings.push({ kind: 'note', title: `${title}: ${target.name} cannot do this` })
      continue
    }
    bench.step(`${title}: connections to ${target.name}`)
    const pool = new HttpLoad(target.url, wanted)
    await pool.prepare()
    contestants.push({ name: target.name, pid: target.pid, pool })
  }
  const { rounds, sliceMs } = bench.options
  const lines = await alternate(contestants, rounds, sliceMs, () => bench.step(title))
  for (const { pool } of contestants) await pool.close()
  return [{ kind: 'ratios', title, lines }, ...findings]
}
