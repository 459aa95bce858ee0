/** TLS on the public listener: served, renewed while it runs, and refused where it could not work. */
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '../../src/config/config.ts'
import { closeRigs, type Rig, rig } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { type Certificates, certificates } from './certificates.ts'

const made: Certificates[] = []
afterEach(async () => {
  await closeRigs()
  for (const one of made.splice(0)) one.remove()
})

const issued = (name: string): Certificates => {
  const one = certificates(name)
  made.push(one)
  return one
}

/** The name on the certificate that a new connection is shown, or why there is no connection. */
const shown = (gateway: Rig, maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<string> =>
  new Promise((resolve, reject) => {
    const port = Number(new URL(gateway.url).port)
    const versions = { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...versions }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })

interface Answer {
  readonly status: number
  readonly strict: string | undefined
  readonly body: unknown
}

const post = (url: string, body: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', rejectUnauthorized: false, agent: false }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const strict = response.headers['strict-transport-security']
      resolve({ status: response.statusCode ?? 0, strict, body: JSON.parse(Buffer.concat(chunks).toString()) })
    })
    sent.on('error', reject)
    sent.end(body)
  })

const socketTo = async (gateway: Rig): Promise<{ socket: WebSocket; first: unknown }> => {
  const socket = new WebSocket(`${gateway.url.replace('https', 'wss')}/api/websocket`, { rejectUnauthorized: false })
  const first = await new Promise((resolve, reject) => {
    socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString())))
    socket.once('error', reject)
  })
  return { socket, first }
}

describeTransports('with a certificate', (_, transport) => {
  const start = async (name: string) => {
    const files = issued(name)
    const settings = {
      'server.transport': transport,
      'server.tls.cert': files.cert,
      'server.tls.key': files.key,
    } as const
    return { files, gateway: await rig(settings) }
  }

  test('requests and sockets are served over TLS, and the address says so (E9)', async () => {
    const { gateway } = await start('first')
    expect(gateway.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(gateway.adminUrl).toMatch(/^http:/)
    expect(await post(`${gateway.url}/auth/login_flow`, '{')).toEqual({
      status: 400,
      // E9: who was here once does not come without TLS again.
      strict: 'max-age=31536000',
      body: { message: 'Invalid JSON.' },
    })
    const { socket, first } = await socketTo(gateway)
    expect(first).toMatchObject({ type: 'auth_required' })
    socket.close()
  })

  test('plain HTTP is not served', async () => {
    const { gateway } = await start('first')
    await expect(fetch(gateway.url.replace('https', 'http'))).rejects.toThrow('fetch failed')
  })

  test('TLS 1.2 is spoken and 1.1 is not', async () => {
    const { gateway } = await start('first')
    expect(await shown(gateway, 'TLSv1.2')).toBe('first')
    await expect(shown(gateway, 'TLSv1.1')).rejects.toThrow(/alert|hang up|disconnected|version/i)
  })

  test('a renewed one is shown to new connections, and open sockets go on', async () => {
    const { gateway, files } = await start('first')
    expect(await shown(gateway)).toBe('first')
    const { socket } = await socketTo(gateway)
    files.issue('second')
    expect(await shown(gateway)).toBe('first')
    await gateway.renew()
    for (let i = 0; i < 20; i++) expect(await shown(gateway)).toBe('second')
    const pong = new Promise((resolve) => socket.once('pong', resolve))
    socket.ping()
    await pong
    files.issue('third')
    await gateway.renew()
    expect(await shown(gateway)).toBe('third')
    expect(socket.readyState).toBe(socket.OPEN)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await gateway.stop()
    expect(await closed).toBe(4000)
    await expect(shown(gateway)).rejects.toThrow('ECONNREFUSED')
  })

  test('a bad new one changes nothing and logs one line', async () => {
    const { gateway, files } = await start('first')
    const before = gateway.logged.length
    writeFileSync(files.cert, 'no certificate')
    await gateway.renew()
    expect(gateway.logged.slice(before).map(({ level, msg }) => ({ level, msg }))).toEqual([
      { level: 50, msg: `server.tls.cert: ${files.cert} holds no PEM certificate; the former certificate stays` },
    ])
    expect(await shown(gateway)).toBe('first')
    const { first, socket } = await socketTo(gateway)
    expect(first).toMatchObject({ type: 'auth_required' })
    socket.close()
  })

  test('files that cannot be served with refuse the start with one line', async () => {
    const files = issued('first')
    const other = issued('other')
    const starting = (cert: string, key: string) =>
      rig({ 'server.transport': transport, 'server.tls.cert': cert, 'server.tls.key': key })
    await expect(starting('/nowhere.pem', files.key)).rejects.toThrow(
      'server.tls.cert: /nowhere.pem cannot be read (ENOENT)',
    )
    await expect(starting(files.cert, files.cert)).rejects.toThrow(
      `server.tls.key: ${files.cert} holds no PEM private key`,
    )
    await expect(starting(files.cert, other.key)).rejects.toThrow(
      `server.tls.key: ${other.key} is not the key of the certificate in ${files.cert}`,
    )
    expect(readFileSync(files.key, 'utf8')).toContain('PRIVATE KEY')
  })
})

const reading = (settings: NonNullable<Parameters<typeof readConfig>[0]>['flags']) => () =>
  readConfig({ flags: settings ?? {} })

test('certificate and key are set both or not at all', () => {
  expect(reading({ 'server.tls.cert': 'a' })).toThrow(
    'server.tls.cert is set and server.tls.key is not: TLS needs both files',
  )
  expect(reading({ 'server.tls.key': 'a' })).toThrow(
    'server.tls.key is set and server.tls.cert is not: TLS needs both files',
  )
})

test('another address than loopback is served with TLS only (G10)', () => {
  expect(reading({ 'server.host': '0.0.0.0' })).toThrow(
    'server.host is "0.0.0.0": another address than loopback needs server.tls.cert and server.tls.key',
  )
  expect(reading({ 'server.host': '0.0.0.0', 'server.tls.cert': 'a', 'server.tls.key': 'b' })()['server.host']).toBe(
    '0.0.0.0',
  )
})
