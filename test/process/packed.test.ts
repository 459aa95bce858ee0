/** The packed tarball, as an application installs it: its exports, its types under each resolution, and what a client needs. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

let folder: string
let tarball: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-packed-'))
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const { stdout } = await run('npm', pack, { cwd: ROOT })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  tarball = join(folder, filename)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A new application with the package; `dependencies` are those of its dependencies that are there. */
const install = async (name: string, dependencies: readonly string[]): Promise<string> => {
  const modules = join(folder, name, 'node_modules')
  mkdirSync(join(modules, 'latchkey'), { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', join(modules, 'latchkey'), '--strip-components=1'])
  for (const dependency of dependencies) {
    mkdirSync(dirname(join(modules, dependency)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', dependency), join(modules, dependency))
  }
  writeFileSync(join(folder, name, 'package.json'), '{"type":"module"}')
  return join(folder, name)
}

/** A command of the project's own tools; resolves to what it says, and rejects with that if it fails. */
const tool = (command: string, args: readonly string[], cwd = ROOT): Promise<string> =>
  run(join(ROOT, 'node_modules/.bin', command), args, { cwd, env: { ...process.env, NO_COLOR: '1' } }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => Promise.reject(new Error(`${stdout}${stderr}`)),
  )

test('publint finds nothing in it', async () => {
  expect(await tool('publint', [tarball, '--strict'])).toContain('All good!')
}, 60_000)

test('its types are those of its modules, for whoever imports them', async () => {
  const said = await tool('attw', [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'])
  for (const entry of ['"latchkey"', '"latchkey/client"', '"latchkey/protocol"']) expect(said).toContain(entry)
}, 60_000)

const PAGE = `
import { authorize, connect, OAuth2Session, type Token } from 'latchkey/client'
import { closes, type ErrorCode } from 'latchkey/protocol'
export const begin = (token: Token) => {
  const session = new OAuth2Session({ fetch, host: '', clientId: '', token, tokenLoader: () => token, tokenUpdater: () => {} })
  return connect(session).command('auth/current_user', {})
}
export const name = async (token: Token): Promise<string | null> => (await begin(token)).name
// @ts-expect-error a number is no name
export const wrong = async (token: Token): Promise<number> => (await begin(token)).name
// @ts-expect-error there is no such command
export const other = (token: Token) => connect(new OAuth2Session({ token } as never)).command('no/such', {})
export const code: ErrorCode = 'unauthorized'
export const close: 4200 = closes.revoked.code
export const login = authorize
`

const SERVER = `
import { createGateway } from 'latchkey'
export const begin = async (): Promise<string> => (await createGateway({ config: { server: { port: 0 } } })).url
// @ts-expect-error there is no such setting
export const wrong = () => createGateway({ config: { server: { prot: 0 } } })
`

/** TypeScript's names for a resolution, and the module kind that goes with it. */
const resolutions = [
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
  ['bundler', 'esnext'],
] as const

test.each(resolutions)(
  'a page is judged by its types, without those of Node: %s',
  async (moduleResolution, module) => {
    const app = await install(`page-${moduleResolution}`, ['zod'])
    writeFileSync(join(app, 'page.ts'), PAGE)
    const options = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], types: [] }
    const compilerOptions = { ...options, module, moduleResolution, skipLibCheck: false }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }))
    expect(await tool('tsc', ['-p', 'tsconfig.json'], app)).toBe('')
  },
  120_000,
)

test.each(resolutions)(
  'a server finds its types: %s',
  async (moduleResolution, module) => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object }
    const app = await install(`server-${moduleResolution}`, [...Object.keys(dependencies), '@types/node', '@types/ws'])
    writeFileSync(join(app, 'server.ts'), SERVER)
    const options = { strict: true, noEmit: true, target: 'es2023', types: ['node'], skipLibCheck: true }
    const compilerOptions = { ...options, module, moduleResolution }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['server.ts'] }))
    expect(await tool('tsc', ['-p', 'tsconfig.json'], app)).toBe('')
  },
  120_000,
)

test('the client needs no package at run time, and the protocol one', async () => {
  const load = async (app: string, entry: string): Promise<string> => {
    const { stdout } = await run(
      process.execPath,
      ['--input-type=module', '-e', `console.log(Object.keys(await import('latchkey/${entry}')).length)`],
      { cwd: app },
    )
    return stdout
  }
  const bare = await install('bare', [])
  expect(Number(await load(bare, 'client'))).toBeGreaterThan(5)
  await expect(load(bare, 'protocol')).rejects.toThrow(/zod/)
  expect(Number(await load(await install('with-zod', ['zod']), 'protocol'))).toBeGreaterThan(5)
})
