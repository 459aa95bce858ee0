/** The same load on a baseline, on the baseline once more, and on everything that can take it. */
import { alternate, type Contestant, type Line, type Sliced } from '../measure.ts'
import type { Bench, Finding } from '../scenario.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from '../targets/bare-server.ts'

export interface Contention<L extends Sliced> {
  readonly title: string
  /** What a baseline answers. */
  readonly answers: Partial<BareAnswers>
  /** The slower library has its own baseline beside the fastest. */
  readonly withWs: boolean
  /** The load on a target, ready; null where it cannot take it. */
  load(target: Target): Promise<L> | null
}

export interface Contended<L extends Sliced> {
  readonly contestants: readonly Contestant<L>[]
  /** One for each contestant. */
  readonly lines: readonly Line[]
  /** The ratios, and a note for each target that was left out. */
  readonly findings: readonly Finding[]
}

const startTargets = async (bench: Bench, answers: Partial<BareAnswers>, withWs: boolean): Promise<Target[]> => {
  const uws = await bench.bare('uws', answers)
  const ws = uws === null || withWs ? await bench.bare('ws', answers) : null
  const baseline = uws ?? ws
  if (baseline === null) throw new Error('no baseline could be started')
  const targets: Target[] = [baseline, { ...baseline, name: `${baseline.name}, again` }]
  if (ws !== null && ws !== baseline) targets.push(ws)
  for (const transport of bench.options.transports) targets.push(await bench.latchkey({ transport }))
  return [...targets, ...bench.others]
}

export const contend = async <L extends Sliced>(
  bench: Bench,
  { title, answers, withWs, load }: Contention<L>,
): Promise<Contended<L>> => {
  const notes: Finding[] = []
  const contestants: Contestant<L>[] = []
  for (const target of await startTargets(bench, answers, withWs)) {
    const loading = load(target)
    if (loading === null) {
      notes.push({ kind: 'note', title: `${title}: ${target.name} cannot do this` })
      continue
    }
    bench.step(`${title}: load on ${target.name}`)
    contestants.push({ name: target.name, pid: target.pid, pool: await loading })
  }
  const { rounds, sliceMs } = bench.options
  const lines = await alternate(contestants, rounds, sliceMs, () => bench.step(title))
  return { contestants, lines, findings: [{ kind: 'ratios', title, lines }, ...notes] }
}
