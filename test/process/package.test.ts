/** What a user gets from the registry: its files, its exports, its command and the command's words. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, newFolder, run } from './child.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { version, exports: entries } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as {
  version: string
  exports: Record<string, string | { types: string; default: string }>
}

afterEach(cleanUp)

test('the package holds what is built and what is to be read, and no source, test or secret (G5)', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
  })
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  expect(paths).toEqual(
    expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'dist/cli/latchkey.js', 'dist/web/authorize.html']),
  )
  expect(paths.filter((path) => !/^(?:dist|docs)\//.test(path)).sort()).toEqual(
    [
      'CHANGELOG.md',
      'DESIGN.md',
      'LICENSE',
      'PROTOCOL.md',
      'README.md',
      'latchkey.example.yaml',
      'package.json',
    ].sort(),
  )
  expect(paths.filter((path) => /(?<!\.d)\.ts$|\.test\.|data\//.test(path))).toEqual([])
})

test.each(Object.entries(entries).filter(([, entry]) => typeof entry !== 'string'))(
  'the export %s can be imported by its name, and has types',
  async (name, entry) => {
    const { types } = entry as { types: string }
    expect(existsSync(`${ROOT}/${types}`)).toBe(true)
    const specifier = name.replace('.', 'latchkey')
    const script = `const all = await import('${specifier}'); console.log(Object.keys(all).length)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT })
    expect(Number(stdout)).toBeGreaterThan(0)
  },
)

/** A program of somebody who has installed the package. */
const PROGRAM = `
import { createGateway, type HandlersOf } from 'latchkey'
import { Auth, connect } from 'latchkey/client'
import { command, eventType, z } from 'latchkey/protocol'

const commands = {
  'app/add': command({
    doc: 'Add two numbers.',
    needs: 'user',
    input: { a: z.int(), b: z.int() },
    result: z.int(),
    errors: { too_much: 'Too much.' },
  }),
}
const events = { app_note: eventType({ doc: 'A note.', needs: 'user', data: z.strictObject({ n: z.int() }) }) }
interface App {
  commands: typeof commands
  events: typeof events
}
const handlers: HandlersOf<App> = {
  'app/add': ({ user, refuse }, { a, b }) => (user.isAdmin ? a + b : refuse('too_much')),
}
const gateway = await createGateway({ config: { server: { port: 0 } }, commands, events, handlers })
gateway.publish('app_note', { n: 1 })
// @ts-expect-error not declared
gateway.publish('app_other', {})
const connection = connect<App>(new Auth(fetch, gateway.url, 'token'))
const sum: number = await connection.command('app/add', { a: 1, b: 2 })
// @ts-expect-error a text is no number
await connection.command('app/add', { a: 'x', b: 2 })
await connection.subscribe('subscribe_events', { event_type: 'app_note' }, ({ data }) => data.n + sum)
`

test('its types are found by a program that uses it, and by the examples', async () => {
  const folder = newFolder()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/latchkey'), 'dir')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'main.ts'), PROGRAM)
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    checkJs: true,
    noEmit: true,
  }
  const files = ['main.ts', join(ROOT, 'examples/chat/server.mjs'), join(ROOT, 'examples/chat/client.mjs')]
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const wrong = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
  expect(wrong).toBe('')
}, 60_000)

describe('the command', () => {
  test('tells its version and what it can do', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: latchkey/)
    for (const command of ['serve', 'config']) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
  })

  test('tells every flag and variable of serve', async () => {
    const { stdout } = await run(['serve', '--help'])
    for (const flag of ['--config', '--host', '--port', '--transport', '--data-dir', '--log'])
      expect(stdout).toMatch(new RegExp(`^ {2}${flag} `, 'm'))
    expect(stdout).toMatch(/^ {2}LATCHKEY_TOKENS_ACCESS_TOKEN_LIFETIME$/m)
  })

  test.each([
    [['--prot', '1'], "error: unknown option '--prot'"],
    [['serve', '--port'], "error: option '--port <number>' argument missing"],
    [['sevre'], 'error: too many arguments'],
  ])('%s is answered with what is wrong and where to look, and makes nothing', async (args, line) => {
    const folder = newFolder()
    const { code, stdout, stderr } = await run(args, {}, folder)
    expect(code).toBe(64)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toContain(line)
    expect(stderr).toContain('Run with --help to see what can be given.')
    expect(existsSync(`${folder}/data`)).toBe(false)
  })
})
