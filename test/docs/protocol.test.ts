/** PROTOCOL.md's reference is what the declarations say. `npm run docs` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { closeReference, commandReference, errorReference, oauthReference } from './reference.ts'

const FILE = new URL('../../PROTOCOL.md', import.meta.url)

const parts: Readonly<Record<string, () => string>> = {
  commands: commandReference,
  errors: errorReference,
  closes: closeReference,
  oauth: oauthReference,
}

test('the reference in PROTOCOL.md is what the declarations say', () => {
  const document = readFileSync(FILE, 'utf8')
  const filled: string[] = []
  const current = document.replace(/(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    filled.push(name)
    return `${begin}\n${parts[name]!()}\n${end}`
  })
  expect(filled.sort()).toEqual(Object.keys(parts).sort())
  if (process.env['UPDATE_DOCS']) writeFileSync(FILE, current)
  else expect(document, 'out of date: npm run docs').toBe(current)
})

test('every error code is one that some command declares, or that any may have', () => {
  expect(errorReference()).not.toMatch(/\|\s*\|$/m)
})
