/** Builds `dist`: the server and libraries, the bench, the pages' scripts, and the pages themselves. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

const command = 'dist/cli/latchkey.js'

const isStale = () => {
  if (!existsSync(command)) return true
  const built = statSync(command).mtimeMs
  const sources = ['src', 'bench'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  )
  return sources.some(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs > built)
}

const tsc = (project) =>
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'inherit' })

const build = () => {
  rmSync('dist', { recursive: true, force: true })
  tsc('src/web/tsconfig.build.json')
  tsc('bench/tsconfig.build.json')
  const isPage = (path) => ['', '.html', '.css', '.svg'].includes(extname(path))
  cpSync('src/web', 'dist/web', { recursive: true, filter: isPage })
  // Last: its date says how old the build is.
  tsc('tsconfig.build.json')
  chmodSync(command, 0o755)
}

// A package from the registry comes built, without sources.
if (existsSync('src') && (!process.argv.includes('--if-stale') || isStale())) build()
