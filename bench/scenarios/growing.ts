/** What a server's resident memory grows by: what `idle` and `scale` have in common. */
import { residentBytes } from '../process.ts'
import type { Bench } from '../scenario.ts'
import type { Target } from '../target.ts'
import { PARALLEL } from './connecting.ts'

/** Slices in which sockets come and go before anything is measured. */
const WARM_UP_SLICES = 5
/** So many tokens at the most are used for that. */
export const WARM = 200
/** Freed memory goes back, and young objects become old, within this. */
const SETTLE_MS = 2000

const settled = async (pid: number): Promise<number | null> => {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return residentBytes(pid)
}

/**
 * Bytes that `more` adds, in a process in which sockets have come and gone, and that has done `before`: what it has once,
 * however much it holds, is not measured. Null where the system does not say.
 */
export const growthOf = async (
  bench: Bench,
  target: Target,
  more: () => Promise<unknown>,
  before: () => Promise<unknown> = async () => undefined,
): Promise<number | null> => {
  if (target.pid === null || target.dialect === null) return null
  // Those that come and go fill its young space, and what stays first takes what these left free.
  bench.step(`sockets come and go at ${target.name}`)
  const { tokens } = target.sessions
  const coming = await bench.load(target, {
    kind: 'connect',
    tokens: tokens.slice(0, WARM),
    shown: 2,
    parallel: PARALLEL,
  })
  await coming.closed(WARM_UP_SLICES * bench.options.sliceMs)
  await before()
  const first = await settled(target.pid)
  await more()
  const last = await settled(target.pid)
  return first === null || last === null ? null : last - first
}
