/** Schema errors as the sentences that go to a peer: the field's path and a fixed text, never the value. */
import type { z } from 'zod'

const kinds: Readonly<Record<string, string>> = {
  string: 'str',
  number: 'int',
  int: 'int',
  boolean: 'bool',
  object: 'a dictionary',
  record: 'a dictionary',
  array: 'a list',
  tuple: 'a list',
}

/** The field, and the place in its list. A key further in is the peer's own text and is not repeated. */
const pathText = ([field, ...inner]: readonly PropertyKey[]): string => {
  const end = inner.findIndex((part) => typeof part !== 'number')
  const places = end === -1 ? inner : inner.slice(0, end)
  return `['${String(field)}']${places.map((part) => `[${String(part)}]`).join('')}`
}

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown => {
  let value: unknown = root
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

/** Where it is; of an element of a list that is not said to be a dictionary's value, as in Home Assistant's answers. */
const place = (path: readonly PropertyKey[]): string => {
  if (path.length === 0) return ''
  return `${typeof path.at(-1) === 'number' ? '' : ' for dictionary value'} @ data${pathText(path)}`
}

const sentence = (issue: z.core.$ZodIssue, root: unknown): string => {
  const at = issue.path.length > 0 ? ` @ data${pathText(issue.path)}` : ''
  switch (issue.code) {
    // The unknown key is the peer's own text and is not repeated.
    case 'unrecognized_keys':
      return `extra keys not allowed${at}`
    case 'invalid_type': {
      if (issue.path.length > 0 && valueAt(root, issue.path) === undefined) return `required key not provided${at}`
      return `expected ${kinds[issue.expected] ?? issue.expected}${place(issue.path)}`
    }
    case 'too_small':
      return issue.origin === 'array'
        ? `length of value must be at least ${issue.minimum}${place(issue.path)}`
        : `value is too small${at}`
    case 'too_big':
      return issue.origin === 'array'
        ? `length of value must be at most ${issue.maximum}${place(issue.path)}`
        : `value is too large${at}`
    default:
      return `not a valid value${at}`
  }
}

/** One sentence for a failed parse. Extra keys win over missing ones, as in Home Assistant's answers. */
export const describeIssues = (error: z.ZodError, root: unknown): string => {
  const issues = error.issues
  const chosen = issues.find((issue) => issue.code === 'unrecognized_keys') ?? issues[0]
  return chosen === undefined ? 'not a valid value' : sentence(chosen, root)
}
