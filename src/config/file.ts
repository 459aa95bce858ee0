/** Settings from a YAML file: nested maps are the keys' paths. Everything that is wrong is named with its line. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { Given, Problem } from './given.ts'
import { isGroup, isKey, type Key, knownIn } from './settings.ts'

/** Far more than every key with a page of comments. */
const MAX_BYTES = 256 * 1024

export interface ConfigFile {
  /** As it is to be named. */
  readonly path: string
  readonly text: string
}

export const fromFile = ({ path: file, text }: ConfigFile, problem: Problem): ReadonlyMap<Key, Given> => {
  const given = new Map<Key, Given>()
  if (text.length > MAX_BYTES) {
    problem(`${file}: larger than ${MAX_BYTES} bytes, so no configuration`)
    return given
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const at = (node: Node | null | undefined): string => `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}`
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    problem(`${file}:${lines.linePos(pos[0]).line}: ${message.split('\n')[0]}`)
  }
  if (document.errors.length > 0 || document.contents === null) return given

  /** A leaf's text; undefined where it was refused. */
  const textOf = (node: Node, key: string): string | undefined => {
    if (isScalar(node)) return node.type === 'PLAIN' ? (node.source ?? '') : String(node.value)
    if (isSeq(node) && node.items.every((item) => isScalar(item))) {
      return node.items.map((item) => String((item as { value: unknown }).value)).join(',')
    }
    problem(`${at(node)}: ${key} must be one value${isAlias(node) ? ', not an alias' : ''}`)
    return undefined
  }

  const walk = (node: Node, group: string): void => {
    if (!isMap(node)) {
      problem(`${at(node)}: ${group === '' ? 'a configuration' : group} is a map of keys; known are ${knownIn(group)}`)
      return
    }
    for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
      const name = isScalar(key) ? String(key.value) : ''
      const path = group === '' ? name : `${group}.${name}`
      if (isKey(path)) {
        // Nothing after the colon leaves the default.
        if (value === null || (isScalar(value) && value.value === null)) continue
        const leaf = textOf(value, path)
        if (leaf !== undefined) given.set(path, { value: leaf, source: at(key) })
      } else if (!isGroup(path)) {
        problem(
          `${at(key)}: there is no setting ${path}; known ${group === '' ? 'are' : `under ${group} are`} ${knownIn(group)}`,
        )
      } else if (value !== null && !(isScalar(value) && value.value === null)) {
        walk(value, path)
      }
    }
  }
  walk(document.contents as Node, '')
  return given
}
