/** Ratios in one run: contestants take turns in short slices, and what counts is the ratio of each round. */
import { cpuMicros } from './process.ts'

/** Load that can be made in slices. */
export interface Sliced {
  closed(ms: number): Promise<{ readonly count: number; readonly seconds: number }>
}

export interface Contestant<L extends Sliced = Sliced> {
  readonly name: string
  readonly pool: L
  readonly pid: number | null
}

export interface Slice {
  /** Operations a second, what the load itself costs included. */
  readonly rate: number
  /** Microseconds of the server's CPU for each operation; null where the system does not say. */
  readonly cpu: number | null
}

export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface Line {
  readonly name: string
  readonly slices: readonly Slice[]
  readonly rate: Spread
  readonly cpu: Spread | null
  /** To the first contestant: of the rates; and of the CPU times the other way round, so that more is better in both. */
  readonly rateRatio: Spread
  readonly cpuRatio: Spread | null
}

export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, low: sorted[0]!, high: sorted.at(-1)! }
}

const slice = async ({ pool, pid }: Contestant, ms: number): Promise<Slice> => {
  const before = pid === null ? null : cpuMicros(pid)
  const { count, seconds } = await pool.closed(ms)
  const after = pid === null ? null : cpuMicros(pid)
  return { rate: count / seconds, cpu: before === null || after === null ? null : (after - before) / count }
}

const lineOf = (name: string, slices: readonly Slice[], baseline: readonly Slice[]): Line => {
  const withCpu = slices.every(({ cpu }) => cpu !== null) && baseline.every(({ cpu }) => cpu !== null)
  return {
    name,
    slices,
    rate: spreadOf(slices.map(({ rate }) => rate)),
    cpu: slices.every(({ cpu }) => cpu !== null) ? spreadOf(slices.map(({ cpu }) => cpu!)) : null,
    rateRatio: spreadOf(slices.map(({ rate }, i) => rate / baseline[i]!.rate)),
    cpuRatio: withCpu ? spreadOf(slices.map(({ cpu }, i) => baseline[i]!.cpu! / cpu!)) : null,
  }
}

/** Rounds that do not count: what has not run yet is not compiled yet, and the more there is of it the longer that takes. */
export const WARM_UP_ROUNDS = 2

/** The first contestant is the baseline. `onSlice` is called after each. */
export const alternate = async (
  contestants: readonly Contestant[],
  rounds: number,
  sliceMs: number,
  onSlice: () => void,
  prepare?: (contestant: number) => Promise<void>,
): Promise<readonly Line[]> => {
  const slices: Slice[][] = contestants.map(() => [])
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      await prepare?.(i)
      const taken = await slice(contestant, sliceMs)
      if (round >= 0) slices[i]!.push(taken)
      onSlice()
    }
  }
  return contestants.map(({ name }, i) => lineOf(name, slices[i]!, slices[0]!))
}
