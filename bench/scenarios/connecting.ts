/** Sockets that come and go: what `connect` and `scale` have in common. */

import type { Shown } from '../load/loads.ts'
import { alternate, type Contestant, WARM_UP_ROUNDS } from '../measure.ts'
import type { Bench, BenchOptions, Finding } from '../scenario.ts'
import type { Target } from '../target.ts'

/** Sockets at once: fewer than any limit by address. */
export const PARALLEL = 40
/** Tokens that are gathered for one slice: more than any server takes in that time. */
const UNSEEN_PER_SECOND = 25_000

/** Tokens for all slices, where each is used once. */
export const unseenCount = ({ rounds, sliceMs }: BenchOptions): number =>
  Math.ceil((UNSEEN_PER_SECOND * (WARM_UP_ROUNDS + rounds) * sliceMs) / 1000)

export const connecting = async <T extends Target>(
  bench: Bench,
  title: string,
  targets: readonly T[],
  tokensOf: (target: T) => readonly string[],
  shown: Shown,
): Promise<Finding> => {
  const contestants: Contestant[] = []
  for (const target of targets) {
    const pool = await bench.load(target, { kind: 'connect', tokens: tokensOf(target), shown, parallel: PARALLEL })
    contestants.push({ name: target.name, pid: target.pid, pool })
  }
  const { rounds, sliceMs } = bench.options
  return { kind: 'ratios', title, lines: await alternate(contestants, rounds, sliceMs, () => bench.step(title)) }
}
