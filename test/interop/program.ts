/** Programs from the system's packages: found or skipped with the package's name, and failed where `CI` is set. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'

export interface Program {
  /** Debian's packages that bring it. */
  readonly packages: string
  /** A command that succeeds where it is there. */
  readonly probe: readonly [command: string, ...args: string[]]
}

export const describeWith = ({ packages, probe }: Program, name: string, tests: () => void): void => {
  const [command, ...args] = probe
  if (spawnSync(command, args).status === 0) {
    describe(name, tests)
    return
  }
  const reason = `install ${packages}`
  if (process.env['CI']) test(name, () => expect.fail(reason))
  else describe.skip(`${name} (${reason})`, tests)
}
