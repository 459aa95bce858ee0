/** What an authentication costs with few grants in the database, and with very many. */
import { spreadOf } from '../measure.ts'
import type { Bench, Figure, Scenario } from '../scenario.ts'
import type { Latchkey } from '../targets/latchkey.ts'
import { connecting, PARALLEL, unseenCount } from './connecting.ts'
import { growthOf, WARM } from './growing.ts'

/** Grants that are used once, to see what one in memory takes. */
const TOUCHED = 100_000

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
    const seen = await connecting(bench, 'scale: connect, tokens seen before', gateways, few, 2)
    const count = unseenCount(bench.options)
    const title = 'scale: connect, tokens not seen before, of all grants in turn'
    const unseen = await connecting(bench, title, gateways, (gateway) => gateway.unseen!(count), 0)
    figures.push(...(await memory(bench, gateways.at(-1)!)))
    return [seen, unseen, { kind: 'figures', title: 'scale: start and memory', figures }]
  },
}

/** Each time in a new process, in which nothing is known. */
const memory = async (bench: Bench, gateway: Latchkey): Promise<readonly Figure[]> => {
  const { tokens } = gateway.sessions
  // Those that the warm-up has used are in memory already.
  const others = tokens.slice(WARM)
  const show = (): Promise<unknown> => {
    bench.step(`scale: ${others.length} of ${gateway.name} come once`)
    return bench.load(gateway, { kind: 'connect', tokens: others, shown: 1, parallel: PARALLEL })
  }
  const values: number[] = []
  for (let round = 0; round < Math.ceil(bench.options.rounds / 3); round++) {
    await gateway.crash!()
    const bytes = await growthOf(bench, gateway, show)
    if (bytes !== null) values.push(Math.round(bytes / others.length))
  }
  if (values.length === 0) return []
  const name = `${gateway.name}: each of ${others.length} used ones, with one access token`
  return [{ name, value: spreadOf(values), unit: 'bytes' }]
}
