/** Finds a native uWebSockets.js, and says why there is none. */

import type * as uws from 'uWebSockets.js'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The library, with what its types leave out. */
export type Uws = Omit<typeof uws, 'App' | 'SSLApp'> & {
  App(): UwsApp
  SSLApp(options: uws.AppOptions): UwsApp
}

export type UwsApp = uws.TemplatedApp & { close(): void }

export type Loaded = { readonly uws: Uws } | { readonly missing: string }

const PACKAGE = 'uWebSockets.js'

/** The folder of the package, wherever its main file lies in it. */
const folderOf = (main: string): string => {
  let folder = dirname(main)
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder)
  return folder
}

/**
 * Loads whatever package is installed under the name `uWebSockets.js`, if it has a binary for this Node.
 * The binary is looked for first: one packaging of the library falls back to a slow script without an error.
 */
export const loadUws = (): Loaded => {
  // With `require` and not `import`: on Node 20 a failing import of a CommonJS file ends the process even when caught.
  const require = createRequire(import.meta.url)
  let main: string
  try {
    main = require.resolve(PACKAGE)
  } catch {
    return { missing: `the optional package ${PACKAGE} is not installed` }
  }
  const { platform, arch, versions } = process
  const binary = `uws_${platform}_${arch}_${versions.modules}.node`
  const folder = folderOf(main)
  if (![folder, join(folder, 'binaries')].some((place) => existsSync(join(place, binary)))) {
    return { missing: `the installed ${PACKAGE} has no binary for Node ${versions.node} on ${platform} ${arch}` }
  }
  try {
    const uws = require(PACKAGE) as Uws
    if (!/\[native code\]/.test(Function.prototype.toString.call(uws.App))) {
      return { missing: `the binary of the installed ${PACKAGE} does not load here` }
    }
    return { uws }
  } catch (error) {
    return { missing: `the installed ${PACKAGE} does not load here (${(error as Error).message.split('\n')[0]})` }
  }
}
