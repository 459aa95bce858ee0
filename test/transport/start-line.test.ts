/** What the start line says of the transport, and what SIGHUP does to a gateway in a process of its own. */
import { connect } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { loadUws } from '../../src/transport/uws-load.ts'
import { type Certificates, certificates } from './certificates.ts'
import { type Serving, serving } from './serving.ts'

const running: Serving[] = []
const made: Certificates[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
  for (const one of made.splice(0)) one.remove()
})

const start = async (...given: Parameters<typeof serving>): Promise<Serving> => {
  const one = await serving(...given)
  running.push(one)
  return one
}

const loaded = loadUws()

test('--transport ws is taken, without a reason', async () => {
  const gateway = await start({ flags: ['--transport', 'ws'] })
  const line = await gateway.line('listening')
  expect(line).toMatchObject({ transport: 'ws' })
  expect(line).not.toHaveProperty('transport_because')
})

test('auto takes uWebSockets.js where it loads, else ws and says why', async () => {
  const gateway = await start({})
  const expected =
    'missing' in loaded ? { transport: 'ws', transport_because: loaded.missing } : { transport: 'uWebSockets.js' }
  expect(await gateway.line('listening')).toMatchObject(expected)
})

test('an unknown transport refuses the start with one line', async () => {
  await expect(serving({ flags: ['--transport', 'tcp'] })).rejects.toThrow(
    'did not start: latchkey: --transport: server.transport must be auto, uws or ws, not "tcp"',
  )
})

test('a missing certificate refuses the start with one line', async () => {
  const env = { LATCHKEY_SERVER_TLS_CERT: '/nowhere.pem', LATCHKEY_SERVER_TLS_KEY: '/nowhere.pem' }
  await expect(serving({ env })).rejects.toThrow(
    'did not start: latchkey: server.tls.cert: /nowhere.pem cannot be read (ENOENT)',
  )
})

const shown = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('SIGHUP renews the certificate, and does not end a gateway without one', async () => {
  const files = certificates('first')
  made.push(files)
  const gateway = await start({ env: { LATCHKEY_SERVER_TLS_CERT: files.cert, LATCHKEY_SERVER_TLS_KEY: files.key } })
  expect(await shown(gateway.url)).toBe('first')
  files.issue('second')
  process.kill(gateway.pid, 'SIGHUP')
  await gateway.line('certificate read')
  expect(await shown(gateway.url)).toBe('second')

  const plain = await start({})
  process.kill(plain.pid, 'SIGHUP')
  expect((await fetch(`${plain.adminUrl}/healthz`)).status).toBe(200)
  process.kill(plain.pid, 'SIGHUP')
  expect((await fetch(`${plain.adminUrl}/readyz`)).status).toBe(200)
})
