/** Memory of sockets that are authenticated and say nothing. */
import { residentBytes } from '../process.ts'
import type { Figure, Scenario } from '../scenario.ts'
import type { Target } from '../target.ts'

/** The first sockets also fill what is there once. */
const BEFORE = 1000
/** Freed memory goes back, and young objects become old, within this. */
const SETTLE_MS = 2000

export const idle: Scenario = {
  name: 'idle',
  doc: 'memory of the server for each authenticated socket that says nothing',
  run: async (bench) => {
    const figures: Figure[] = []
    const sockets = bench.options.sockets.idle
    const measure = async (target: Target): Promise<void> => {
      if (target.pid === null) return
      const { tokens } = target.sessions
      bench.step(`idle: ${BEFORE} sockets to ${target.name}`)
      await bench.load(target, { kind: 'hold', tokens, sockets: BEFORE })
      await settle()
      const before = residentBytes(target.pid)
      bench.step(`idle: ${sockets} more`)
      await bench.load(target, { kind: 'hold', tokens, sockets })
      await settle()
      const after = residentBytes(target.pid)
      if (before === null || after === null) return
      figures.push({ name: target.name, value: Math.round((after - before) / sockets), unit: 'bytes a socket' })
    }
    // One after the other: the sockets of all together are more than a process may have open.
    for (const library of ['uws', 'ws'] as const) {
      const bare = await bench.bare(library)
      if (bare !== null) await measure(bare)
      await bench.end()
    }
    for (const transport of bench.options.transports) {
      await measure(await bench.latchkey({ transport }))
      await bench.end()
    }
    for (const other of bench.others) await measure(other)
    return [{ kind: 'figures', title: `${sockets} idle sockets, resident memory of the server`, figures }]
  },
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
