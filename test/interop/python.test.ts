/** Python programs, as libraries for Home Assistant are written, with what Debian packages. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { anotherSession, CLIENT_ID, closeRigs, logIn, REDIRECT_URI, rig, session } from '../rig.ts'
import { describeWith } from './program.ts'

const PYTHON = '/usr/bin/python3'

afterEach(closeRigs)

/** What a program printed, which is one line of JSON. */
const run = async (name: string, ...args: string[]): Promise<unknown> => {
  const file = fileURLToPath(new URL(`python/${name}`, import.meta.url))
  // oauthlib wants TLS even on the loopback address, unless it is told.
  const env = { ...process.env, OAUTHLIB_INSECURE_TRANSPORT: '1' }
  const { stdout } = await promisify(execFile)(PYTHON, [file, ...args], { env })
  return JSON.parse(stdout)
}

describeWith(
  { packages: 'python3-aiohttp', probe: [PYTHON, '-c', 'import aiohttp'] },
  'a Python program with aiohttp',
  () => {
    test('refreshes once, asks twice, and authenticates on a socket', async () => {
      const { url } = await rig()
      const { refresh_token } = await session(url)
      expect(await run('with_aiohttp.py', url, CLIENT_ID, refresh_token)).toEqual({
        statuses: [200, 200, 401],
        body: { message: 'API running.' },
        refreshes: 1,
        socket: ['auth_required', 'auth_ok', 'Test User'],
      })
    })
  },
)

describeWith(
  { packages: 'python3-requests-oauthlib', probe: [PYTHON, '-c', 'import requests_oauthlib'] },
  'a Python program with requests and requests_oauthlib',
  () => {
    test('exchanges a code, refreshes what has expired, and keeps its refresh token', async () => {
      const { url } = await rig()
      await session(url)
      const { refresh_token } = await anotherSession(url)
      const code = await logIn(url)
      expect(await run('with_requests.py', url, CLIENT_ID, REDIRECT_URI, code, refresh_token)).toEqual({
        exchange: 200,
        statuses: [200, 200],
        body: { message: 'API running.' },
        updates: 1,
        kept: true,
      })
    })
  },
)
