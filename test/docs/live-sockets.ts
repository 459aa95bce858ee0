/** The generated parts of docs/live-sockets.md: what is asked, and what each system did in its last recorded run. */
import { readdirSync, readFileSync } from 'node:fs'
import { chapters } from '../live-sockets/cases/index.ts'
import type { Outcome, Results } from '../live-sockets/record.ts'

const RESULTS = new URL('../live-sockets/results/', import.meta.url)

export const liveSocketResults = (): readonly Results[] =>
  readdirSync(RESULTS)
    .sort()
    .map((file) => JSON.parse(readFileSync(new URL(file, RESULTS), 'utf8')) as Results)
    .sort((a, b) => Number(b.system.startsWith('Latchkey')) - Number(a.system.startsWith('Latchkey')))

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

const words = { kept: 'yes', broken: '**no**', cannot: 'cannot' } as const

const outcomeText = (outcome: Outcome | undefined): string => {
  if (outcome === undefined) return 'not asked'
  return outcome.note === null ? words[outcome.state] : `${words[outcome.state]}: ${cell(outcome.note)}`
}

const count = ({ outcomes }: Results, state: Outcome['state']): number =>
  Object.values(outcomes).filter((outcome) => outcome.state === state).length

export const liveSocketCases = (): string =>
  chapters
    .map(({ name, cases }) =>
      [
        `### ${name}`,
        '',
        '| | what is promised | what goes wrong without it |',
        '|---|---|---|',
        ...cases.map(({ id, claim, guards }) => `| ${id} | ${cell(claim)} | ${cell(guards)} |`),
        '',
      ].join('\n'),
    )
    .join('\n')

export const liveSocketTable = (): string => {
  const all = liveSocketResults()
  const ids = chapters.flatMap(({ cases }) => cases.map(({ id }) => id))
  return [
    '| system | date | rounds of a race | yes | no | cannot |',
    '|---|---|---|---|---|---|',
    ...all.map(
      (one) =>
        `| ${one.system} | ${one.date} | ${one.rounds} | ${count(one, 'kept')} | ${count(one, 'broken')} | ${count(one, 'cannot')} |`,
    ),
    '',
    `| | ${all.map(({ system }) => system).join(' | ')} |`,
    `|---|${all.map(() => '---|').join('')}`,
    ...ids.map((id) => `| ${id} | ${all.map(({ outcomes }) => outcomeText(outcomes[id])).join(' | ')} |`),
    '',
  ].join('\n')
}
