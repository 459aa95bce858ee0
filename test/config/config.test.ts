/** The configuration: what wins, what is refused and with which line, and that the example is the defaults. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig, resolveConfig, type Sources } from '../../src/config/config.ts'
import { variableOf } from '../../src/config/environment.ts'
import { type Key, settings } from '../../src/config/settings.ts'

const file = (text: string) => ({ path: 'latchkey.yaml', text })

const refusals = (sources: Sources): readonly string[] => {
  try {
    readConfig(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.lines
    throw error
  }
  return []
}

describe('a value', () => {
  const text = 'server:\n  port: 1\n  trusted_proxies: [10.0.0.0/8, "::1"]\nlog: json\n'
  const port = (sources: Sources): number => readConfig(sources)['server.port']

  test('of a flag wins over the environment, that over the file, that over the default', () => {
    const env = { LATCHKEY_SERVER_PORT: '2' }
    expect(port({})).toBe(8123)
    expect(port({ file: file(text) })).toBe(1)
    expect(port({ file: file(text), env })).toBe(2)
    expect(port({ file: file(text), env, flags: { 'server.port': '3' } })).toBe(3)
  })

  test('is known with where it came from', () => {
    const { effective } = resolveConfig({
      file: file(text),
      env: { LATCHKEY_HASHING_TIME: '3' },
      flags: { log: 'pretty' },
      flagNames: { log: '--log' },
    })
    const sourceOf = (key: Key) => effective.find((one) => one.key === key)
    expect(sourceOf('server.port')).toEqual({ key: 'server.port', value: '1', source: 'latchkey.yaml:2' })
    expect(sourceOf('hashing.time')).toEqual({ key: 'hashing.time', value: '3', source: 'LATCHKEY_HASHING_TIME' })
    expect(sourceOf('log')).toEqual({ key: 'log', value: 'pretty', source: '--log' })
    expect(sourceOf('tokens.refresh_token_idle')).toMatchObject({ value: '90d', source: 'default' })
    expect(sourceOf('server.external_url')).toMatchObject({ value: null, source: 'default' })
    expect(effective.map(({ key }) => key)).toEqual(Object.keys(settings))
  })

  test('may be a list, in the file as one and elsewhere with commas', () => {
    expect(readConfig({ file: file(text) })['server.trusted_proxies']).toEqual(['10.0.0.0/8', '::1'])
    const env = { LATCHKEY_SERVER_TRUSTED_PROXIES: '10.0.0.1, 10.0.0.2' }
    expect(readConfig({ env })['server.trusted_proxies']).toEqual(['10.0.0.1', '10.0.0.2'])
  })

  test('comes from a file whose name a variable gives, without its line end', () => {
    const sources = { env: { LATCHKEY_SERVER_PORT_FILE: '/run/port' }, readFile: () => '99\n' }
    expect(port(sources)).toBe(99)
  })

  test('is read as it is written: a version is no number', () => {
    expect(readConfig({ file: file('home_assistant: { version: 2025.10 }') })['home_assistant.version']).toBe('2025.10')
  })

  test('that is left empty in the file is the default', () => {
    expect(port({ file: file('server:\n  port:\nlog: null\nlimits:\n') })).toBe(8123)
    expect(port({ file: file('') })).toBe(8123)
    expect(port({ file: file('# nothing\n') })).toBe(8123)
  })
})

test.each<[string, string]>([
  ['server:\n  port: 70000', 'latchkey.yaml:2: server.port must be a whole number from 0 to 65535, not "70000"'],
  ['server:\n  port: many', 'latchkey.yaml:2: server.port must be a whole number, not "many"'],
  ['server:\n  port: [1, 2]', 'latchkey.yaml:2: server.port must be a whole number, not "1,2"'],
  ['server:\n  port: { a: 1 }', 'latchkey.yaml:2: server.port must be one value'],
  [
    'server:\n  prot: 1',
    'latchkey.yaml:2: there is no setting server.prot; known under server are host, port, transport, tls, behind_tls_proxy, trusted_proxies, external_url, allowed_origins, strict_origins, admin',
  ],
  [
    'hash: 1',
    'latchkey.yaml:1: there is no setting hash; known are data_dir, log, server, security, clients, policy, hashing, tokens, sessions, users, limits, home_assistant',
  ],
  [
    'tokens: 30m',
    'latchkey.yaml:1: tokens is a map of keys; known are access_token_lifetime, refresh_token_idle, authorization_code_lifetime, rotation_window',
  ],
  [
    '- server',
    'latchkey.yaml:1: a configuration is a map of keys; known are data_dir, log, server, security, clients, policy, hashing, tokens, sessions, users, limits, home_assistant',
  ],
  ['log: json\nlog: pretty', 'latchkey.yaml:2: Map keys must be unique'],
  ['log: "json', 'latchkey.yaml:1: Missing closing "quote'],
  ['log: &a json\ndata_dir: *a', 'latchkey.yaml:2: data_dir must be one value, not an alias'],
  ['log: !secret json', 'latchkey.yaml:1: Unresolved tag: !secret'],
  ['limits:\n  outbox: 4MB', 'latchkey.yaml:2: limits.outbox must be a size such as 16KiB or 4MiB, not "4MB"'],
  [
    'server:\n  trusted_proxies: [10.0.0.0/99]',
    'latchkey.yaml:2: server.trusted_proxies must be CIDRs and addresses, separated by commas, not "10.0.0.0/99"',
  ],
])('a file is refused with its line: %o (G7)', (text, line) => {
  expect(refusals({ file: file(text) })).toEqual([line])
})

test('a file that is far too large is not read', () => {
  expect(refusals({ file: file('#'.repeat(300_000)) })).toEqual([
    'latchkey.yaml: larger than 262144 bytes, so no configuration',
  ])
})

test('everything that is wrong is told at once', () => {
  const text = 'server:\n  port: x\nhashing:\n  tme: 1\n  queue: -1\n'
  const env = { LATCHKEY_LOG: 'xml', LATCHKEY_NOTHING: '1' }
  expect(refusals({ file: file(text), env, flags: { data_dir: '' }, flagNames: { data_dir: '--data-dir' } })).toEqual([
    'latchkey.yaml:4: there is no setting hashing.tme; known under hashing are memory, time, parallelism, concurrency, queue',
    'LATCHKEY_NOTHING: there is no such setting; see latchkey serve --help',
    '--data-dir: data_dir must be a folder, not ""',
    'LATCHKEY_LOG: log must be json or pretty, not "xml"',
    'latchkey.yaml:2: server.port must be a whole number, not "x"',
    'latchkey.yaml:5: hashing.queue must be a whole number, not "-1"',
  ])
})

test.each<[Sources['flags'] & object, string]>([
  [
    { 'server.host': '0.0.0.0' },
    'server.host is "0.0.0.0": another address than loopback needs server.tls.cert and server.tls.key, or server.behind_tls_proxy',
  ],
  [{ 'server.tls.cert': 'a' }, 'server.tls.cert is set and server.tls.key is not: TLS needs both files'],
  [
    { 'server.behind_tls_proxy': 'true' },
    'server.behind_tls_proxy needs server.trusted_proxies: everybody would have the address of the proxy',
  ],
  [
    {
      'server.behind_tls_proxy': 'true',
      'server.trusted_proxies': '10.0.0.1',
      'server.tls.cert': 'a',
      'server.tls.key': 'b',
    },
    'server.behind_tls_proxy and server.tls.cert are both set: TLS ends at the proxy or here',
  ],
])('what is unsafe together is refused: %o (G10)', (flags, line) => {
  expect(refusals({ flags })).toEqual([line])
})

test('an address for everybody is good behind a proxy that has TLS', () => {
  const flags = { 'server.host': '0.0.0.0', 'server.behind_tls_proxy': 'true', 'server.trusted_proxies': '10.0.0.1' }
  expect(refusals({ flags })).toEqual([])
})

test('the example has every setting, with its default', () => {
  const text = readFileSync(new URL('../../latchkey.example.yaml', import.meta.url), 'utf8')
  const { effective, config } = resolveConfig({ file: { path: 'example', text } })
  expect(config).toEqual(readConfig())
  const named = effective.filter(({ source }) => source.startsWith('example:')).map(({ key }) => key)
  const without = (Object.keys(settings) as Key[]).filter((key) => !named.includes(key))
  // Those have no default: the example names them without a value.
  expect(without.filter((key) => readConfig()[key] !== undefined)).toEqual([])
  for (const key of without) expect(text).toMatch(new RegExp(`^ *${key.split('.').at(-1)}: *(?:#.*)?$`, 'm'))
})

test('every setting has a variable of its own', () => {
  const variables = (Object.keys(settings) as Key[]).map(variableOf)
  expect(new Set(variables).size).toBe(variables.length)
  expect(variableOf('limits.login_flows.per_address')).toBe('LATCHKEY_LIMITS_LOGIN_FLOWS_PER_ADDRESS')
})
