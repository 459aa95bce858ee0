/** Which versions of Node are warned about. */
import { expect, test } from 'vitest'
import { nodeWarning } from '../../src/node-version.ts'

test.each(['v20.19.0', 'v20.20.1', 'v22.16.0', 'v22.22.1', 'v24.0.0', 'v24.14.0'])(
  'A16: %s is warned about',
  (version) => {
    expect(nodeWarning(version)).toMatch(/^Node v\S+ lets a peer slow the process down .* v\d+\.\d+\.\d+ does not$/)
  },
)

test.each(['v20.20.2', 'v20.21.0', 'v22.22.2', 'v24.14.1', 'v24.21.0', 'v26.0.0'])('A16: %s is not', (version) => {
  expect(nodeWarning(version)).toBe(null)
})
