/** docs/threats.md's table, from the rows and from the titles of the tests that name them. */
import { readdirSync, readFileSync } from 'node:fs'
import { logins } from './logins.ts'
import { oauth } from './oauth.ts'
import { others } from './others.ts'
import type { Row } from './row.ts'
import { sockets } from './sockets.ts'
import { tokens } from './tokens.ts'

export const rows: readonly Row[] = [...sockets, ...tokens, ...oauth, ...logins, ...others]

const TESTS = new URL('../../', import.meta.url)
const IDS = '[A-G]\\d{1,2}(?:, [A-G]\\d{1,2})*'
/** A title that begins with rows (`A1: …`) or ends with them (`… (A1, B2)`). */
const TITLE = new RegExp(`(['"\`])(?:(${IDS}): ([^\\n]*?)|([^\\n'"\`]*?) \\((${IDS})\\))\\1,`, 'g')

export interface NamedTest {
  readonly file: string
  readonly title: string
  readonly ids: readonly string[]
}

/** Every test whose title names rows. */
export const namedTests = (): readonly NamedTest[] =>
  readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('docs/'))
    .sort()
    .flatMap((file) =>
      [...readFileSync(new URL(file, TESTS), 'utf8').matchAll(TITLE)].map((match) => ({
        file,
        title: (match[3] ?? match[4])!,
        ids: (match[2] ?? match[5])!.split(', '),
      })),
    )

export const threatTable = (): string => {
  const tests = namedTests()
  const lines = rows.map(({ id, threat, behaviour, note }) => {
    const named = tests.filter(({ ids }) => ids.includes(id)).map(({ file, title }) => `\`${file}\`: ${title}`)
    const cells = [id, threat, note === undefined ? behaviour : `${behaviour} ${note}`, named.join('<br>')]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| row | threat | what happens | tests |', '| --- | --- | --- | --- |', ...lines].join('\n')
}
