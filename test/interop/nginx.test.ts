/** nginx with `examples/nginx.conf` in front of an application. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { authenticated, closeRigs, grantOf, postForm, type Rig, rig, session } from '../rig.ts'
import { describeWith } from './program.ts'

const NGINX = '/usr/sbin/nginx'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await closeRigs()
})

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** An application that answers with the headers it was given. */
const application = async (): Promise<number> => {
  const server = createServer((request, response) => response.end(JSON.stringify(request.headers)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return portOf(server)
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** nginx with the example's `server` block, its three ports replaced. Resolves to its address. */
const nginx = async ({ url }: Rig): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-nginx-'))
  const behind = await application()
  // The last to be chosen: whoever asks for any port after this might be given the same.
  const port = await freePort()
  const example = readFileSync(new URL('../../examples/nginx.conf', import.meta.url), 'utf8')
  const block = example
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
    .replace('http://127.0.0.1:8123', url)
    .replace('127.0.0.1:3000', `127.0.0.1:${behind}`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    ${block} }`,
  )
  const child: ChildProcess = spawn(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  closing.push(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  let alive = true
  void ended.then(() => {
    alive = false
  })
  // It writes this once it has its port.
  while (!existsSync(join(folder, 'pid'))) {
    if (!alive) throw new Error(readFileSync(join(folder, 'error.log'), 'utf8'))
    await nextTurn()
  }
  return `http://127.0.0.1:${port}`
}

describeWith({ packages: 'nginx-light', probe: [NGINX, '-v'] }, 'nginx auth_request', () => {
  const start = async () => {
    const gateway = await rig({ 'server.trusted_proxies': '127.0.0.1' })
    const tokens = await session(gateway.url)
    return { gateway, tokens, front: await nginx(gateway) }
  }
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

  test('a live session passes, and the application learns who it is', async () => {
    const { tokens, front } = await start()
    const response = await fetch(`${front}/anything`, bearer(tokens.access_token))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      'remote-user': 'test-user',
      'remote-name': 'Test User',
      'remote-groups': 'system-admin',
      'x-latchkey-session': grantOf(tokens.access_token),
    })
  })

  test('nobody passes without a token, and nobody with headers of their own (G13)', async () => {
    const { front } = await start()
    const forged = { headers: { 'remote-user': 'test-user', 'x-forwarded-uri': '/' } }
    expect((await fetch(front)).status).toBe(401)
    expect((await fetch(front, forged)).status).toBe(401)
    expect((await fetch(`${front}/_latchkey`)).status).toBe(404)
  })

  test('a session that is revoked passes no more from the moment of the answer', async () => {
    const { gateway, tokens, front } = await start()
    expect((await fetch(front, bearer(tokens.access_token))).status).toBe(200)
    await postForm(`${gateway.url}/auth/revoke`, { token: tokens.refresh_token })
    expect((await fetch(front, bearer(tokens.access_token))).status).toBe(401)
  })

  test('a signed path may be read, and only read, and only it (B24, G13)', async () => {
    const { gateway, tokens, front } = await start()
    const socket = await authenticated(gateway.url, tokens.access_token)
    socket.send({ id: 1, type: 'auth/sign_path', path: '/camera/1?size=small' })
    const { result } = (await socket.next()) as { result: { path: string } }
    expect((await fetch(front + result.path)).status).toBe(200)
    expect((await fetch(front + result.path, { method: 'POST' })).status).toBe(401)
    expect((await fetch(front + result.path.replace('small', 'large'))).status).toBe(401)
    socket.socket.terminate()
  })
})
