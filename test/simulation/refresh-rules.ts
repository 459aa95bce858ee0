/** What a shown refresh token gets: the rule of the product, and weaker rules that others have, on one record of a session. */
import { judge } from '../../src/auth/rotation.ts'
import { digest } from '../../src/auth/secrets.ts'

/** Times are seconds. */
export const DAY = 86_400
const WINDOW = 10

export type Verdict = 'step' | 'same' | 'wait' | 'bad' | 'reuse' | 'dead'

export interface Family {
  generation: number
  /** Of the last step. */
  attempt: number | null
  answeredAt: number
  /** When anybody last got a token. */
  lastAt: number
  /** The owner has used what it was given: only some weaker rules look at it. */
  confirmed: boolean
  deadAt: number | null
}

export const newFamily = (): Family => ({
  generation: 0,
  attempt: null,
  answeredAt: -1e6,
  lastAt: -1e6,
  confirmed: true,
  deadAt: null,
})

export type Rule = (family: Family, n: number, attempt: number | null, now: number) => Exclude<Verdict, 'dead'>

const digestOf = (attempt: number | null) => (attempt === null ? null : digest(`attempt ${attempt}`))

const VERDICTS = { advance: 'step', replay: 'same', raced: 'wait', served: 'bad', reuse: 'reuse' } as const

/** The product's own function. */
const design: Rule = ({ generation, attempt, answeredAt }, n, given, now) => {
  const rotation = { generation, attempt: digestOf(attempt), answeredAt: answeredAt * 1000 }
  return VERDICTS[judge(rotation, n, digestOf(given), now * 1000, WINDOW * 1000).kind]
}

/** Rules that let the parent of the live token pass when `allow` says so, whoever shows it. */
const parent =
  (allow: (family: Family, attempt: number | null, now: number) => boolean): Rule =>
  (family, n, attempt, now) => {
    if (n >= family.generation) return 'step'
    return n === family.generation - 1 && allow(family, attempt, now) ? 'same' : 'reuse'
  }

export const rules = {
  strict: parent(() => false),
  window30: parent(({ answeredAt }, _, now) => now - answeredAt <= 30),
  parent: parent(() => true),
  confirmed: parent(
    ({ answeredAt, confirmed }, _, now) => now - answeredAt <= 10 || (!confirmed && now - answeredAt <= DAY),
  ),
  'attempt-open': parent(
    (family, attempt, now) =>
      (attempt !== null && attempt === family.attempt && now - family.answeredAt <= DAY) || now - family.lastAt <= 10,
  ),
  design,
} as const

export type RuleName = keyof typeof rules

/** Shows generation `n`; gives the verdict, and the generation that is answered with. */
export const present = (
  family: Family,
  rule: Rule,
  n: number,
  attempt: number | null,
  now: number,
): { readonly verdict: Verdict; readonly token: number | null } => {
  const verdict = family.deadAt === null ? rule(family, n, attempt, now) : 'dead'
  if (verdict === 'reuse') family.deadAt = now
  if (verdict === 'step') Object.assign(family, { generation: n + 1, attempt, answeredAt: now, confirmed: false })
  const won = verdict === 'step' || verdict === 'same'
  if (won) family.lastAt = now
  return { verdict, token: won ? family.generation : null }
}
