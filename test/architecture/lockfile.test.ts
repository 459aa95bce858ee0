/** The lock file must hold the optional packages of every platform: npm has been seen to drop the others'. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  packages: Readonly<Record<string, Entry>>
}

/** Looks where Node would: in the package's own folder, then in each above it. */
const isLocked = (from: string, name: string): boolean => {
  const at = `${from === '' ? '' : `${from}/`}node_modules/${name}`
  if (at in packages) return true
  if (from === '') return false
  const above = from.lastIndexOf('node_modules/')
  return isLocked(above <= 0 ? '' : from.slice(0, above - 1), name)
}

test('no optional package is missing (G1)', () => {
  const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(from, name))
      .map((name) => `${name} of ${from}`),
  )
  expect(missing).toEqual([])
})

test('no address of a registry is named', () => {
  expect(Object.values(packages).filter((entry) => 'resolved' in entry)).toEqual([])
})
