/** Settings from a program: an object in the shape of the file. Everything that is wrong is named with its key. */
import type { Given, Problem } from './given.ts'
import { isGroup, isKey, type Key, knownIn } from './settings.ts'

/** Values as the file has them; null leaves the default. */
type Value = string | number | boolean | readonly string[] | null | undefined

type Within<K extends string, Group extends string> = K extends `${Group}.${infer Rest}` ? Rest : never

type Nested<K extends string> = {
  readonly [Name in K extends `${infer Group}.${string}` ? Group : K]?: Name extends K ? Value : Nested<Within<K, Name>>
}

/** `{ server: { port: 8123 }, tokens: { access_token_lifetime: '10m' } }`; sizes and durations are texts with their unit. */
export type ConfigObject = Nested<Key>

/** How a value's place is named. */
const SOURCE = 'config'

/** A value as the environment would give it; null where it is none. */
const textOf = (value: unknown): string | null => {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string') ? value.join(',') : null
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : null
}

export const fromObject = (object: ConfigObject, problem: Problem): ReadonlyMap<Key, Given> => {
  const given = new Map<Key, Given>()
  const walk = (node: unknown, group: string): void => {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      problem(
        `${SOURCE}: ${group === '' ? 'a configuration' : group} is an object of keys; known are ${knownIn(group)}`,
      )
      return
    }
    for (const [name, value] of Object.entries(node)) {
      const path = group === '' ? name : `${group}.${name}`
      if (value === undefined || value === null) {
        if (isKey(path) || isGroup(path)) continue
      } else if (isKey(path)) {
        const text = textOf(value)
        if (text === null) problem(`${SOURCE}: ${path} must be one value`)
        else given.set(path, { value: text, source: SOURCE })
        continue
      } else if (isGroup(path)) {
        walk(value, path)
        continue
      }
      problem(
        `${SOURCE}: there is no setting ${path}; known ${group === '' ? 'are' : `under ${group} are`} ${knownIn(group)}`,
      )
    }
  }
  walk(object, '')
  return given
}
