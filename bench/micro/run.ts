/** `npm run bench:micro [-- --rounds 11 --slice 200 --only TEXT --json]`: what the hot operations cost, without a network. */
import { parseArgs } from 'node:util'
import { createCases } from './cases.ts'
import { openBench } from './gateway.ts'
import { measure, type Result } from './measure.ts'
import { grantMemory, leftBySocket } from './memory.ts'
import { slowestChecks } from './policies.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    slice: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const row = ({ name, ns, baselineNs, ratios, against }: Result): string => {
  const ratio = ratios[Math.floor(ratios.length / 2)]!
  const spread = `${ratios[0]!.toFixed(2)} to ${ratios.at(-1)!.toFixed(2)}`
  const micros = (n: number): string => (n / 1000).toFixed(2).padStart(9)
  return `${name.padEnd(46)}${micros(ns)}${micros(baselineNs)}${ratio.toFixed(2).padStart(8)}  ${spread.padEnd(16)}${against}`
}

const bench = await openBench()
const results: Result[] = []
if (!values.json) say(`${''.padEnd(46)}${'µs'.padStart(9)}${'baseline'.padStart(9)}${'ratio'.padStart(8)}  spread`)
for (const one of await createCases(bench)) {
  if (!one.name.includes(values.only)) continue
  const result = await measure(one, Number(values.rounds), Number(values.slice))
  results.push(result)
  if (!values.json) say(row(result))
}
if (!values.json && 'policy: check, timed one by one'.includes(values.only)) {
  const { p50, p99, max } = slowestChecks()
  say(`policy: check, timed one by one: p50 ${p50.toFixed(2)} µs, p99 ${p99.toFixed(2)} µs, max ${max.toFixed(2)} µs`)
}
if (!values.json && 'memory: a grant'.includes(values.only)) {
  const { grant, token } = await grantMemory(bench, 50_000)
  say(`memory: a grant: ${Math.round(grant)} bytes, and ${Math.round(token)} for a token of it that was shown`)
}
if (!values.json && 'memory: left by a socket'.includes(values.only)) {
  const bytes = await leftBySocket(bench, 40_000)
  say(`memory: left by a socket that has gone, until a full collection: ${Math.round(bytes)} bytes`)
}
if (values.json) say(JSON.stringify(results))
await bench.close()
