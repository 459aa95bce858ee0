/** Times a function against a baseline, in alternating slices of one run: what counts is the ratio. */

/** Runs an operation `times` times. May be asynchronous where the operation is. */
export type Operation = (times: number) => void | Promise<void>

export interface Case {
  readonly name: string
  /** Makes what `run` uses up, outside the time that counts. */
  readonly prepare?: (times: number) => void
  readonly run: Operation
  /** What the ratio is against, in words. */
  readonly against: string
  readonly baseline: Operation
}

export interface Result {
  readonly name: string
  readonly against: string
  /** Nanoseconds an operation; median of the rounds. */
  readonly ns: number
  readonly baselineNs: number
  /** Of each round, sorted. */
  readonly ratios: readonly number[]
}

const time = async (operation: Operation, times: number, prepare?: (times: number) => void): Promise<number> => {
  prepare?.(times)
  const begin = process.hrtime.bigint()
  await operation(times)
  return Number(process.hrtime.bigint() - begin) / times
}

/** How often an operation fits into a slice. */
const calibrate = async (operation: Operation, sliceMs: number, prepare?: (times: number) => void): Promise<number> => {
  let times = 8
  for (;;) {
    const ns = await time(operation, times, prepare)
    if (ns * times > sliceMs * 1e6 * 0.5) return Math.max(1, Math.round((sliceMs * 1e6) / ns))
    times *= 2
  }
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)]!

export const measure = async (one: Case, rounds: number, sliceMs: number): Promise<Result> => {
  // Calibrating warms up as well.
  const times = await calibrate(one.run, sliceMs, one.prepare)
  const baselineTimes = await calibrate(one.baseline, sliceMs)
  const pairs: { ns: number; baselineNs: number }[] = []
  for (let round = 0; round < rounds; round++) {
    pairs.push({ ns: await time(one.run, times, one.prepare), baselineNs: await time(one.baseline, baselineTimes) })
  }
  const sorted = (values: number[]): number[] => values.sort((a, b) => a - b)
  return {
    name: one.name,
    against: one.against,
    ns: median(sorted(pairs.map(({ ns }) => ns))),
    baselineNs: median(sorted(pairs.map(({ baselineNs }) => baselineNs))),
    ratios: sorted(pairs.map(({ ns, baselineNs }) => ns / baselineNs)),
  }
}
