/** The layers, held: reads every import line of the sources and compares it with one table. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../src')

/** What a folder may import of ours, and which packages beside Node's own. A file stands for itself. */
const table: Readonly<Record<string, { ours: readonly string[]; packages: readonly string[]; node: boolean }>> = {
  protocol: { ours: [], packages: ['zod'], node: false },
  store: { ours: ['clock.ts'], packages: ['kysely', '@photostructure/sqlite'], node: true },
  transport: { ours: [], packages: ['ws', 'uWebSockets.js'], node: true },
  auth: {
    ours: ['protocol', 'store/model.ts', 'store/store.ts', 'store/changes.ts', 'clock.ts', 'log.ts', 'multimap.ts'],
    packages: ['zod', 'lru-cache', 'ipaddr.js', 'argon2', '@node-rs/argon2', '@zxcvbn-ts/language-common'],
    node: true,
  },
  gateway: {
    ours: [
      'protocol',
      'store/model.ts',
      'store/store.ts',
      'store/changes.ts',
      'transport/transport.ts',
      'auth',
      'clock.ts',
      'log.ts',
      'multimap.ts',
    ],
    packages: ['zod', 'prom-client', 'rate-limiter-flexible', 'lru-cache'],
    node: true,
  },
  control: {
    ours: ['protocol', 'auth', 'store/model.ts', 'store/store.ts', 'clock.ts'],
    packages: ['zod'],
    node: true,
  },
  client: { ours: ['protocol'], packages: [], node: false },
  web: { ours: ['client', 'protocol'], packages: [], node: false },
  'clock.ts': { ours: [], packages: [], node: false },
  'log.ts': { ours: [], packages: ['pino', 'pino-pretty'], node: false },
  config: { ours: ['auth/address.ts'], packages: ['zod', 'yaml'], node: false },
  'descriptors.ts': { ours: ['clock.ts', 'log.ts'], packages: [], node: true },
  'memory.ts': { ours: ['clock.ts'], packages: [], node: true },
  'multimap.ts': { ours: [], packages: [], node: false },
  'node-version.ts': { ours: [], packages: [], node: false },
  'datadir.ts': { ours: ['auth/secrets.ts', 'store/store.ts'], packages: [], node: true },
}

/** These put things together and may import everything. */
const roots = new Set(['main.ts', 'options.ts', 'create-gateway.ts', 'index.ts', 'cli'])

/** Only here may a driver be named. */
const drivers = ['store/sqlite.ts', 'transport/ws.ts', 'transport/uws.ts']

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

const importsOf = (file: string): string[] => {
  const text = readFileSync(join(SRC, file), 'utf8')
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/g)].map(
    (match) => (match[1] ?? match[2])!,
  )
}

const roomOf = (file: string): string => file.split('/')[0]!

/** `import` as a path below `src`, or null for a package. */
const target = (file: string, specifier: string): string | null =>
  specifier.startsWith('.') ? relative(SRC, resolve(SRC, file, '..', specifier)) : null

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

const allows = (allowed: readonly string[], path: string): boolean =>
  allowed.some((entry) => path === entry || (!entry.endsWith('.ts') && path.startsWith(`${entry}/`)))

describe('imports go only downward', () => {
  test('every folder and file of src stands in the table', () => {
    const rooms = new Set(files.map(roomOf))
    expect([...rooms].filter((room) => !(room in table) && !roots.has(room))).toEqual([])
  })

  test.each(files.filter((file) => !roots.has(roomOf(file))))('%s', (file) => {
    const room = table[roomOf(file)]!
    const wrong = importsOf(file).filter((specifier) => {
      const path = target(file, specifier)
      if (path !== null) return roomOf(path) !== roomOf(file) && !allows(room.ours, path)
      if (specifier.startsWith('node:')) return !room.node
      return !room.packages.includes(packageOf(specifier))
    })
    expect(wrong).toEqual([])
  })

  test('a driver is named in main.ts alone', () => {
    const naming = files.filter((file) =>
      importsOf(file).some((specifier) => drivers.includes(target(file, specifier) ?? '')),
    )
    expect(naming).toEqual(['main.ts'])
  })
})

test('no file of the sources is longer than 400 lines', () => {
  const long = files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 400)
  expect(long).toEqual([])
})
