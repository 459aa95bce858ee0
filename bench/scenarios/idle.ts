/** Memory of sockets that are authenticated and say nothing. */
import { spreadOf } from '../measure.ts'
import type { Bench, Finding, Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'
import { growthOf } from './growing.ts'

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
  const { tokens } = target.sessions
  const hold = (count: number) => (): Promise<unknown> => {
    bench.step(`idle: ${count} sockets to ${target.name}`)
    return bench.load(target, { kind: 'hold', tokens, sockets: count })
  }
  const bytes = await growthOf(bench, target, hold(sockets), hold(Math.ceil(sockets / 2)))
  if (bytes === null) return
  measured.set(target.name, [...(measured.get(target.name) ?? []), Math.round(bytes / sockets)])
}
