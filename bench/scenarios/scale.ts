/** What an authentication costs with few grants in the database, and with very many. */
import { alternate, type Contestant } from '../measure.ts'
import { residentBytes } from '../process.ts'
import type { Figure, Finding, Scenario } from '../scenario.ts'
import type { Latchkey } from '../targets/latchkey.ts'

const PARALLEL = 40
const UNSEEN_PER_SECOND = 25_000
/** Grants that are used once, to see what one in memory takes. */
const TOUCHED = 20_000

export const scale: Scenario = {
  name: 'scale',
  doc: 'the cost of an authentication, the start and the memory, by the number of grants',
  run: async (bench) => {
    const { rounds, sliceMs, grants } = bench.options
    const transport = bench.options.transports[0]!
    const gateways: Latchkey[] = []
    const figures: Figure[] = []
    for (const count of grants) {
      bench.step(`scale: making ${count} grants`)
      const name = `${count} grants`
      const gateway = await bench.latchkey({ transport, grants: count, used: Math.min(count, TOUCHED), name })
      figures.push({ name: `${name}: from start to ready`, value: Math.round(gateway.startedInMs), unit: 'ms' })
      gateways.push(gateway)
    }
    const findings: Finding[] = []
    const contend = async (title: string, work: (gateway: Latchkey) => readonly string[], once: boolean) => {
      const contestants: Contestant[] = []
      for (const gateway of gateways) {
        const pool = await bench.load(gateway, { kind: 'connect', tokens: work(gateway), once, parallel: PARALLEL })
        contestants.push({ name: gateway.name, pid: gateway.pid, pool })
      }
      const lines = await alternate(contestants, rounds, sliceMs, () => bench.step(title))
      findings.push({ kind: 'ratios', title, lines })
    }
    const few = (gateway: Latchkey): readonly string[] => gateway.sessions.tokens.slice(0, 200)
    await contend('scale: connect, tokens seen before', few, false)
    const count = Math.ceil((UNSEEN_PER_SECOND * rounds * sliceMs) / 1000)
    await contend(
      'scale: connect, tokens not seen before, of all grants in turn',
      (gateway) => gateway.unseen!(count),
      true,
    )
    const largest = gateways.at(-1)!
    const touched = largest.sessions.tokens
    const before = residentBytes(largest.pid!)
    await bench.load(largest, { kind: 'connect', tokens: touched, once: false, parallel: PARALLEL })
    const after = residentBytes(largest.pid!)
    if (before !== null && after !== null) {
      const value = Math.round((after - before) / touched.length)
      figures.push({
        name: `${largest.name}: each of ${touched.length} used ones, token and all`,
        value,
        unit: 'bytes',
      })
    }
    return [...findings, { kind: 'figures', title: 'scale: start and memory', figures }]
  },
}
