/** A disk that is full: what is known goes on, nothing new is acknowledged, and what is to end ends. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { authenticated, postForm, session } from '../rig.ts'
import { cleanUp, newFolder } from './child.ts'

afterEach(cleanUp)

const PROGRAM = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))
const MOUNTED = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$0" && exec "$@"'

/** A file system of its own for one process needs the right to mount in a namespace. */
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNTED, '/mnt', 'true']).status === 0

/** Writes until nothing more fits. */
const fill = (path: string): void => {
  const file = openSync(path, 'w')
  try {
    for (const size of [1024 * 1024, 4096, 1]) {
      const chunk = Buffer.alloc(size)
      try {
        for (;;) writeSync(file, chunk)
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
      }
    }
  } finally {
    closeSync(file)
  }
}

test.skipIf(!canMount)(
  'a full disk refuses what is new, and takes a revocation on the space kept for it (C20)',
  async () => {
    const folder = newFolder()
    const args = [PROGRAM, 'serve', '--port', '0', '--data-dir', `${folder}/data`, '--log', 'json']
    const env = { PATH: process.env['PATH'], LATCHKEY_HASHING_MEMORY: '8MiB', LATCHKEY_HASHING_TIME: '1' }
    const child = spawn('unshare', ['-rm', 'sh', '-c', MOUNTED, folder, process.execPath, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    try {
      const [first] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
      const { url, admin } = JSON.parse(first) as { url: string; admin: string }
      const tokens = await session(url)
      const socket = await authenticated(url, tokens.access_token)
      // The folder as that process sees it.
      const data = `/proc/${child.pid}/root${folder}/data`
      expect(existsSync(`${data}/reserve`)).toBe(true)
      mkdirSync(`${data}/other`)
      fill(`${data}/other/filler`)

      let id = 0
      for (;;) {
        socket.send({ id: ++id, type: 'auth/long_lived_access_token', client_name: `${id}`, lifespan: 1 })
        const answer = (await socket.next()) as { success: boolean; error?: unknown }
        if (answer.success) continue
        expect(answer.error).toMatchObject({ code: 'temporarily_unavailable', retry_after_ms: 1000 })
        break
      }
      // Nothing was given up for that.
      expect(existsSync(`${data}/reserve`)).toBe(true)
      expect((await fetch(`${admin}/readyz`)).status).toBe(200)
      socket.send({ id: ++id, type: 'ping' })
      expect(await socket.next()).toEqual({ id, type: 'pong' })

      expect((await postForm(`${url}/auth/revoke`, { token: tokens.refresh_token })).status).toBe(200)
      expect((await socket.closed).code).toBe(4200)
      const bearer = { headers: { authorization: `Bearer ${tokens.access_token}` } }
      expect((await fetch(`${url}/api/`, bearer)).status).toBe(401)
      expect(existsSync(`${data}/reserve`)).toBe(false)
      const ready = await fetch(`${admin}/readyz`)
      expect([ready.status, await ready.json()]).toEqual([503, { status: 'degraded' }])
      rmSync(`${data}/other`, { recursive: true })
    } finally {
      child.kill('SIGKILL')
      await ended
    }
  },
)
