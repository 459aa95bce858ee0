/** What a run of the bench found, with what one has to know to read it. */
import { cpus } from 'node:os'
import type { BenchOptions, Finding } from '../scenario.ts'

export interface Report {
  /** ISO 8601. */
  readonly at: string
  readonly machine: string
  readonly node: string
  readonly options: BenchOptions
  readonly scenarios: readonly { readonly name: string; readonly findings: readonly Finding[] }[]
}

export const describeMachine = (): string =>
  `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${process.platform} ${process.arch}`

/** How server and load share the machine. */
export const coresText = (cores: BenchOptions['cores']): string =>
  ({
    same: 'server and load on one core, in turns',
    split: 'server and load on different cores',
    free: 'server and load where the system puts them',
  })[cores]
