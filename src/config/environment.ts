/** Settings from the environment: `server.port` is `LATCHKEY_SERVER_PORT`, and `LATCHKEY_SERVER_PORT_FILE` names a file that holds it. */
import type { Given, Problem } from './given.ts'
import { type Key, settings } from './settings.ts'

const PREFIX = 'LATCHKEY_'
const FILE_SUFFIX = '_FILE'

export const variableOf = (key: Key): string => PREFIX + key.toUpperCase().replaceAll('.', '_')

/** `readFile` reads what a variable with `_FILE` names. */
export const fromEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  problem: Problem,
): ReadonlyMap<Key, Given> => {
  const keys = new Map((Object.keys(settings) as Key[]).map((key) => [variableOf(key), key]))
  const given = new Map<Key, Given>()
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue
    const direct = keys.get(name)
    const indirect = name.endsWith(FILE_SUFFIX) ? keys.get(name.slice(0, -FILE_SUFFIX.length)) : undefined
    const key = direct ?? indirect
    if (key === undefined) problem(`${name}: there is no such setting; see latchkey serve --help`)
    else if (given.has(key)) problem(`${name}: ${key} is set twice, once as a value and once as a file`)
    else if (direct !== undefined) given.set(key, { value, source: name })
    else {
      try {
        given.set(key, { value: readFile(value).trim(), source: name })
      } catch (error) {
        problem(`${name}: ${value} cannot be read (${(error as NodeJS.ErrnoException).code})`)
      }
    }
  }
  return given
}
