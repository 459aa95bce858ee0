/** What an authentication costs with few grants in the database, and with very many. */
import { spreadOf } from '../measure.ts'
import { residentBytes } from '../process.ts'
import type { Figure, Scenario } from '../scenario.ts'
import type { Latchkey } from '../targets/latchkey.ts'
import { connecting, PARALLEL, unseenCount } from './connecting.ts'

/** Grants that are used once, to see what one in memory takes. */
const TOUCHED = 20_000

export const scale: Scenario = {
  name: 'scale',
  doc: 'the cost of an authentication, the start and the memory, by the number of grants',
  run: async (bench) => {
    const { grants, rounds } = bench.options
    const transport = bench.options.transports[0]!
    const gateways: Latchkey[] = []
    const figures: Figure[] = []
    for (const count of grants) {
      bench.step(`scale: making ${count} grants`)
      const name = `${count} grants`
      const gateway = await bench.latchkey({ transport, grants: count, used: Math.min(count, TOUCHED), name })
      for (let again = 1; again < Math.max(2, Math.ceil(rounds / 2)); again++) {
        bench.step(`scale: ${name} killed and started again`)
        await gateway.crash!()
      }
      figures.push({ name: `${name}: from start to ready`, value: spreadOf(gateway.startsInMs), unit: 'ms' })
      gateways.push(gateway)
    }
    const few = ({ sessions }: Latchkey): readonly string[] => sessions.tokens.slice(0, 200)
    const seen = await connecting(bench, 'scale: connect, tokens seen before', gateways, few, false)
    const count = unseenCount(bench.options)
    const title = 'scale: connect, tokens not seen before, of all grants in turn'
    const unseen = await connecting(bench, title, gateways, (gateway) => gateway.unseen!(count), true)
    const largest = gateways.at(-1)!
    const touched = largest.sessions.tokens
    const before = residentBytes(largest.pid!)
    await bench.load(largest, { kind: 'connect', tokens: touched, once: false, parallel: PARALLEL })
    const after = residentBytes(largest.pid!)
    if (before !== null && after !== null) {
      const value = Math.round((after - before) / touched.length)
      figures.push({
        name: `${largest.name}: each of ${touched.length} used ones, token and all`,
        value: spreadOf([value]),
        unit: 'bytes',
      })
    }
    return [seen, unseen, { kind: 'figures', title: 'scale: start and memory', figures }]
  },
}
