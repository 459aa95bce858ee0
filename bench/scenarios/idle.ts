/** Memory of sockets that are authenticated and say nothing. */
import { spreadOf } from '../measure.ts'
import { residentBytes } from '../process.ts'
import type { Bench, Finding, Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'
import { PARALLEL } from './connecting.ts'

/** Slices in which sockets come and go before anything is measured. */
const WARM_UP_SLICES = 5
/** Freed memory goes back, and young objects become old, within this. */
const SETTLE_MS = 2000

export const idle: Scenario = {
  name: 'idle',
  doc: 'memory of the server for each authenticated socket that says nothing',
  run: async (bench) => {
    const { sockets, transports, rounds } = bench.options
    // What is left from one measurement would be in the next: each has a new process.
    const starts: (() => Promise<Target | null>)[] = [() => bench.bare('uws'), () => bench.bare('ws')]
    for (const transport of transports) starts.push(() => bench.latchkey({ transport }))
    const measured = new Map<string, number[]>()
    // Each takes twenty slices' time: half the rounds are enough, and one after the other, as all together hold more
    // sockets than a process may have open.
    for (let round = 0; round < Math.ceil(rounds / 2); round++) {
      for (const start of starts) {
        const target = await start()
        if (target !== null) await measure(bench, target, sockets.idle, measured)
        await bench.end()
      }
    }
    // Started by somebody else, and not to be started again.
    for (const other of bench.others) {
      await measure(bench, other, sockets.idle, measured)
      await bench.end()
    }
    const figures = [...measured].map(([name, values]) => ({ name, value: spreadOf(values), unit: 'bytes a socket' }))
    const finding: Finding = {
      kind: 'figures',
      title: `${sockets.idle} idle sockets, resident memory of the server`,
      figures,
    }
    return [finding]
  },
}

const measure = async (
  bench: Bench,
  target: Target,
  sockets: number,
  measured: Map<string, number[]>,
): Promise<void> => {
  if (target.pid === null || target.dialect === null) return
  const { tokens } = target.sessions
  // What a process has once, however many it holds: those that come and go fill its young space, and the first that stay
  // take what these left free.
  bench.step(`idle: sockets come and go at ${target.name}`)
  const coming = await bench.load(target, { kind: 'connect', tokens, once: false, parallel: PARALLEL })
  await coming.closed(WARM_UP_SLICES * bench.options.sliceMs)
  const first = Math.ceil(sockets / 2)
  bench.step(`idle: ${first} sockets to ${target.name}`)
  await bench.load(target, { kind: 'hold', tokens, sockets: first })
  await settle()
  const before = residentBytes(target.pid)
  bench.step(`idle: ${sockets} more`)
  await bench.load(target, { kind: 'hold', tokens, sockets })
  await settle()
  const after = residentBytes(target.pid)
  if (before === null || after === null) return
  measured.set(target.name, [...(measured.get(target.name) ?? []), Math.round((after - before) / sockets)])
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
