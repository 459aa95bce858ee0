/** Writes what each system did in this run to `results/`, from where docs/live-sockets.md has its table. */
import { writeFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export interface Outcome {
  readonly state: 'kept' | 'broken' | 'cannot'
  /** What was counted, what was seen instead, or why it cannot be asked. */
  readonly note: string | null
}

export interface Results {
  readonly system: string
  readonly date: string
  readonly rounds: number
  readonly outcomes: Readonly<Record<string, Outcome>>
}

const outcomeOf = (test: TestCase): Outcome | null => {
  const result = test.result()
  if (result.state === 'passed') return { state: 'kept', note: test.meta().live?.counted ?? null }
  if (result.state === 'failed') {
    const line = result.errors[0]?.message.split('\n')[0] ?? ''
    const note = line.replace(/ \/\/ Object\.is equality$/, '').replace(/[0-9a-f]{32}/g, '…')
    return { state: 'broken', note }
  }
  return result.state === 'skipped' ? { state: 'cannot', note: (result.note ?? '').replace(/^cannot: /, '') } : null
}

/** `Home Assistant core 2025.4.4` is `home-assistant-core`. */
const slug = (system: string): string => (system.toLowerCase().match(/[a-z]+/g) ?? []).join('-')

export default class RecordResults implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const systems = new Map<string, { [id: string]: Outcome }>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { live } = test.meta()
        const outcome = outcomeOf(test)
        if (live === undefined || outcome === null) continue
        const outcomes = systems.get(live.system) ?? {}
        outcomes[live.id] = outcome
        systems.set(live.system, outcomes)
      }
    }
    for (const [system, outcomes] of systems) {
      const date = new Date().toISOString().slice(0, 10)
      const results: Results = { system, date, rounds: Number(process.env['LATCHKEY_LIVE_ROUNDS']), outcomes }
      const file = new URL(`results/${slug(system)}.json`, import.meta.url)
      writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
    }
  }
}
