/** The generated parts of the documents are what the sources say. `npm run docs` writes them anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chapters } from '../live-sockets/cases/index.ts'
import { liveSocketCases, liveSocketResults, liveSocketTable } from './live-sockets.ts'
import { closeReference, commandReference, deviationReference, errorReference, oauthReference } from './reference.ts'
import { namedTests, rows, threatTable } from './threats/index.ts'

/** Each document with its generated parts, in their order. */
const documents: readonly (readonly [file: string, parts: Readonly<Record<string, () => string>>])[] = [
  [
    'PROTOCOL.md',
    { oauth: oauthReference, commands: commandReference, errors: errorReference, closes: closeReference },
  ],
  ['docs/conformance.md', { deviations: deviationReference }],
  ['docs/threats.md', { threats: threatTable }],
  ['docs/live-sockets.md', { results: liveSocketTable, cases: liveSocketCases }],
]

test.each(documents)('what is generated in %s is what the sources say', (file, parts) => {
  const path = new URL(`../../${file}`, import.meta.url)
  const document = readFileSync(path, 'utf8')
  const filled: string[] = []
  const current = document.replace(/(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    filled.push(name)
    return `${begin}\n${parts[name]!()}\n${end}`
  })
  expect(filled).toEqual(Object.keys(parts))
  if (process.env['UPDATE_DOCS']) writeFileSync(path, current)
  else expect(document, 'out of date: npm run docs').toBe(current)
})

test('the recorded results are of all the cases that there are, and Latchkey keeps every one', () => {
  const ids = chapters.flatMap(({ cases }) => cases.map(({ id }) => id))
  expect(new Set(ids).size).toBe(ids.length)
  const recorded = liveSocketResults()
  for (const { system, outcomes } of recorded) expect(Object.keys(outcomes).sort(), system).toEqual([...ids].sort())
  const ours = recorded.filter(({ system }) => system.startsWith('Latchkey ('))
  expect(ours.map(({ system }) => system)).toEqual(['Latchkey (uws)', 'Latchkey (ws)'])
  for (const { system, outcomes } of ours) {
    const others = Object.entries(outcomes).filter(([, { state }]) => state !== 'kept')
    expect(others, system).toEqual([])
  }
})

test('every error code is one that some command declares, or that any may have', () => {
  expect(errorReference()).not.toMatch(/\|\s*\|$/m)
})

test('every threat that is not put off is held by a test, and every test names threats that there are', () => {
  const tests = namedTests()
  const named = new Set(tests.flatMap(({ ids }) => ids))
  expect(rows.filter(({ id, untested }) => untested !== true && !named.has(id)).map(({ id }) => id)).toEqual([])
  const known = new Set(rows.map(({ id }) => id))
  expect([...named].filter((id) => !known.has(id))).toEqual([])
  expect(known.size).toBe(rows.length)
})
