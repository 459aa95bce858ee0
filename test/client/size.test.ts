/** What the client library costs a page: bundled and minified, as applications do it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'

interface Bundler {
  build(options: object): Promise<{ output: { code: string; imports: string[] }[] }[]>
}

/** The bundler that the test runner comes with. */
const bundler = async (): Promise<Bundler> => {
  const runner = createRequire(fileURLToPath(import.meta.resolve('vitest')))
  return (await import(pathToFileURL(runner.resolve('vite')).href)) as Bundler
}

const ENTRY = fileURLToPath(new URL('../../dist/client/index.js', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-size-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bundled = async (source: string): Promise<{ code: string; imports: string[] }> => {
  const entry = join(folder, 'entry.js')
  writeFileSync(entry, source)
  const { build } = await bundler()
  const [{ output }] = (await build({
    configFile: false,
    logLevel: 'silent',
    root: folder,
    build: { write: false, minify: true, target: 'es2022', lib: { entry, formats: ['es'] } },
  })) as [{ output: { code: string; imports: string[] }[] }]
  expect(output).toHaveLength(1)
  return output[0]!
}

test('everything of the client is less than 10 kB gzipped, and needs nothing else', async () => {
  const { code, imports } = await bundled(`export * from ${JSON.stringify(ENTRY)}`)
  expect(imports).toEqual([])
  expect(code).not.toContain('node:')
  // What it is made of is in it.
  expect(code).toContain('externalAuthRevokeToken')
  expect(gzipSync(code).length).toBeLessThan(10_000)
})

test('a page that only opens a socket takes less than half of that', async () => {
  const { code } = await bundled(`export { openSocket } from ${JSON.stringify(ENTRY)}`)
  expect(gzipSync(code).length).toBeLessThan(3000)
})
