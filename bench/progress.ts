/** How far the bench is, on a terminal; nothing where nobody looks. */
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  /** Another step was done, or is begun: `what` says which. */
  step(what: string): void
  end(): void
}

/** `steps`: about how many there will be. */
export const createProgress = (steps: number): Progress => {
  if (process.stderr.isTTY !== true) return { step: () => undefined, end: () => undefined }
  const format = '{bar} {percentage} %  {what}'
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true, hideCursor: true },
    Presets.shades_grey,
  )
  bar.start(steps, 0, { what: '' })
  return {
    step: (what) => {
      if (bar.getProgress() >= 1) bar.setTotal(bar.getTotal() + 10)
      bar.increment(1, { what })
    },
    end: () => bar.stop(),
  }
}
