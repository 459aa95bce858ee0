/** Signals, a log that nobody reads, and a disk that takes no more. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { authenticated, exchange, grantOf, logIn, onboard, postForm, rawSocket } from '../rig.ts'
import { cleanUp, newFolder, serve } from './child.ts'

afterEach(cleanUp)

const CLIENT = 'https://example.com/app'

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('sends everybody away with 4000 and a time to come back, says that it stops, and exits with 0', async () => {
    const { child, url, admin } = await serve(newFolder())
    const { access_token } = await exchange(url, await onboard(url, CLIENT), CLIENT)
    const sockets = await Promise.all([1, 2, 3].map(() => authenticated(url, access_token)))
    const waiting = rawSocket(url)
    await waiting.next()
    expect((await fetch(`${admin}/readyz`)).status).toBe(200)
    const ended = child.kill(signal)
    for (const { closed } of [...sockets, waiting]) {
      const { code, reason } = await closed
      expect(code).toBe(4000)
      expect((JSON.parse(reason) as { after_ms: number }).after_ms).toBeGreaterThanOrEqual(0)
    }
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(child.lines.at(-1)).toMatchObject({ msg: 'stopping', reason: signal })
    expect(child.stderr).toBe('')
  })
})

test('a command that is under way at SIGTERM is answered before its socket closes', async () => {
  const { child, url } = await serve(newFolder())
  const { access_token } = await exchange(url, await onboard(url, CLIENT), CLIENT)
  const socket = await authenticated(url, access_token)
  socket.send({ id: 1, type: 'auth/long_lived_access_token', client_name: 'x', lifespan: 1 })
  const ended = child.kill('SIGTERM')
  expect(await socket.next()).toMatchObject({ id: 1, success: true })
  expect((await socket.closed).code).toBe(4000)
  expect((await ended).code).toBe(0)
})

test('a second signal ends it at once, although somebody keeps it busy', async () => {
  const { child, url } = await serve(newFolder())
  // A request whose body never comes keeps the listener from being done.
  const { hostname, port } = new URL(url)
  const { connect } = await import('node:net')
  const peer = connect(Number(port), hostname)
  await once(peer, 'connect')
  peer.write('POST /auth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n')
  expect((await fetch(`${url}/api/onboarding`)).status).toBe(200)
  child.process.kill('SIGTERM')
  await child.line('stopping')
  expect(await child.kill('SIGTERM')).toEqual({ code: 1, signal: null })
  peer.destroy()
})

test('a reader of the log that takes nothing blocks nobody', async () => {
  const program = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))
  const port = '18431'
  const args = [program, 'serve', '--port', port, '--data-dir', newFolder(), '--log', 'json']
  const env = { PATH: process.env['PATH'], LATCHKEY_HASHING_MEMORY: '8MiB', LATCHKEY_SERVER_ADMIN_PORT: '0' }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  try {
    const url = `http://127.0.0.1:${port}`
    await once(child.stdout!, 'readable')
    // From here nothing is read: the pipe holds 64 KiB, and each refusal is a line of some 200 bytes.
    for (let round = 0; round < 60; round++) {
      const refusals = Array.from({ length: 20 }, () =>
        postForm(`${url}/auth/token`, { grant_type: 'refresh_token', refresh_token: 'x', client_id: CLIENT }),
      )
      for (const { status } of await Promise.all(refusals)) expect(status).toBe(400)
    }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
})

describe('a disk that takes no more', () => {
  /** `ulimit -f` counts blocks of 1,024 bytes; what would make a file larger fails with EFBIG, as a full disk does. */
  test('writes are refused as temporary and acknowledge nothing; what is known goes on; nothing is lost (C20)', async () => {
    const folder = join(newFolder(), 'data')
    mkdirSync(folder, { mode: 0o700 })
    const first = await serve(folder)
    const tokens = await exchange(first.url, await onboard(first.url, CLIENT), CLIENT)
    await first.child.kill('SIGTERM')

    const program = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))
    const shell = `trap '' XFSZ; ulimit -f 256; exec "${process.execPath}" "${program}" serve --port 0 --data-dir "${folder}" --log json`
    const env = { PATH: process.env['PATH'], LATCHKEY_HASHING_MEMORY: '8MiB', LATCHKEY_HASHING_TIME: '1' }
    const child = spawn('/bin/bash', ['-c', shell], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    try {
      let text = ''
      child.stdout!.setEncoding('utf8').on('data', (data: string) => {
        text += data
      })
      await expect.poll(() => text, { timeout: 15_000 }).toContain('"msg":"listening"')
      const listening = text.split('\n').find((line) => line.includes('"msg":"listening"'))!
      const { url } = JSON.parse(listening) as { url: string }
      const socket = await authenticated(url, tokens.access_token)
      const made: string[] = []
      let id = 0
      for (;;) {
        socket.send({ id: ++id, type: 'auth/long_lived_access_token', client_name: `${id}`, lifespan: 1 })
        const answer = (await socket.next()) as { success: boolean; result: string; error: unknown }
        if (answer.success) {
          made.push(answer.result)
          continue
        }
        expect(answer.error).toEqual({
          code: 'temporarily_unavailable',
          message: 'Temporarily unavailable.',
          retry_after_ms: 1000,
        })
        break
      }
      const refused = await postForm(`${url}/auth/revoke`, { token: tokens.refresh_token })
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('1')
      socket.send({ id: ++id, type: 'ping' })
      expect(await socket.next()).toEqual({ id, type: 'pong' })
      child.kill('SIGKILL')
      await ended
      const again = await serve(folder)
      expect((await postForm(`${again.url}/auth/token`, refreshOf(tokens.refresh_token))).status).toBe(200)
      const names = await listed(again.url, tokens.access_token)
      expect(names).toHaveLength(made.length)
      expect(made.map(grantOf).every((grant) => names.includes(grant))).toBe(true)
    } finally {
      child.kill('SIGKILL')
      await ended
    }
  })

  const refreshOf = (secret: string) => ({ grant_type: 'refresh_token', refresh_token: secret, client_id: CLIENT })

  /** Ids of the long-lived tokens. */
  const listed = async (url: string, accessToken: string): Promise<string[]> => {
    const socket = await authenticated(url, accessToken)
    socket.send({ id: 1, type: 'auth/refresh_tokens' })
    const { result } = (await socket.next()) as { result: { id: string; type: string }[] }
    return result.filter(({ type }) => type === 'long_lived_access_token').map(({ id }) => id)
  }
})

test('a restart keeps sessions and their access tokens', async () => {
  const folder = newFolder()
  const first = await serve(folder)
  await onboard(first.url, CLIENT)
  const tokens = await exchange(first.url, await logIn(first.url, CLIENT), CLIENT)
  await first.child.kill('SIGTERM')
  const second = await serve(folder)
  await authenticated(second.url, tokens.access_token)
})
