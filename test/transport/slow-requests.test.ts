/** Requests that never end, heads that are too large, and what no socket agrees to. */
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { closeRigs, type Rig, rig, session } from '../rig.ts'
import { describeTransports } from '../transports.ts'

const open: Socket[] = []
afterEach(async () => {
  for (const one of open.splice(0)) one.destroy()
  await closeRigs()
})

interface Ended {
  /** What came before the end. */
  readonly text: string
  readonly afterMs: number
}

/** Sends `first`, then `drip` each second, until the other side ends the connection. */
const drip = ({ url }: Rig, first: string, again: string | null): Promise<Ended> =>
  new Promise((resolve) => {
    const begun = performance.now()
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(first))
    open.push(socket)
    const timer = setInterval(() => {
      if (again !== null) socket.write(again)
    }, 1000)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(timer)
      resolve({ text, afterMs: performance.now() - begun })
    })
  })

/** One request or handshake; resolves to the head of the answer, or '' where the connection just ended. */
const ask = ({ url }: Rig, text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    open.push(socket)
    let answer = ''
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      if (answer.includes('\r\n\r\n')) resolve(answer)
    })
  })

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)

const UPGRADE =
  'GET /api/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

describeTransports('requests', (_, transport) => {
  const start = () => rig({ 'server.transport': transport })

  test('that never end are ended, a good one is answered meanwhile (A5)', { timeout: 60_000 }, async () => {
    const gateway = await start()
    const body = 'POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n'
    const slow = Promise.all([
      drip(gateway, '', null),
      drip(gateway, 'GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'a'),
      drip(gateway, UPGRADE, 'X-A: a\r\n'),
      drip(gateway, body, 'a'),
    ])
    await session(gateway.url)
    const ended = await slow
    for (const { afterMs } of ended) {
      expect(afterMs).toBeGreaterThan(4000)
      // 15 s for a whole request; and the look at them is once a second, on a busy machine later.
      expect(afterMs).toBeLessThan(20_000)
    }
    // The fast transport ends the connection without an answer.
    const answers = transport === 'ws' ? [408, 408, 408, 408] : [0, 0, 0, 0]
    expect(ended.map(({ text }) => statusOf(text))).toEqual(answers)
  })

  test('whose answers nobody reads do not stay', { timeout: 90_000 }, async () => {
    const gateway = await start()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    open.push(socket)
    socket.pause()
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const asked = 'GET /auth/authorize HTTP/1.1\r\nHost: localhost\r\n\r\n'
    // Many more answers than the system takes for a peer that does not read.
    socket.write(asked.repeat(300_000))
    // A paused socket does not see the end, but the write that fails does.
    const timer = setInterval(() => socket.write('G'), 1000)
    await closed
    clearInterval(timer)
  })

  const headers = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('')
  const plain = (count: number) => `GET /auth/providers HTTP/1.1\r\nHost: localhost\r\n${headers(count - 1)}\r\n`

  // The fast transport waits for the end of a head that it cannot hold, and gives up after 10 s.
  test('with too many headers, or too large ones, are refused (A6)', { timeout: 90_000 }, async () => {
    const gateway = await start()
    await session(gateway.url)
    expect(statusOf(await ask(gateway, plain(47)))).toBe(200)
    const many = transport === 'ws' ? [200, 431, 431] : [0, 0, 0]
    const answers = Promise.all(
      [plain(100), plain(101), `${UPGRADE}${headers(100)}\r\n`].map((text) => ask(gateway, text)),
    )
    expect((await answers).map(statusOf)).toEqual(many)
    const large = `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`
    expect(statusOf(await ask(gateway, large))).toBe(431)
    expect(statusOf(await ask(gateway, plain(10)))).toBe(200)
  })

  test('with a body that is too large are refused by the declared length, before it is read (A5)', async () => {
    const gateway = await start()
    const head = (length: number) => `POST /auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`
    const answer = await ask(gateway, head(65_537))
    expect(statusOf(answer)).toBe(413)
    expect(answer).toContain('{"message":"The body must not be larger than 65536 bytes."}')
    const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`
    const chunked = `POST /auth/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`
    expect(statusOf(await ask(gateway, chunked))).toBe(413)
    expect(statusOf(await ask(gateway, head(65_536) + 'a'.repeat(65_536)))).toBe(400)
  })

  test('for compression or a sub-protocol get a socket without (A10)', async () => {
    const gateway = await start()
    const offers =
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a, b\r\n'
    const answer = (await ask(gateway, `${UPGRADE}${offers}\r\n`)).toLowerCase()
    expect(statusOf(answer.toUpperCase())).toBe(101)
    expect(answer).not.toContain('sec-websocket-extensions')
    expect(answer).not.toContain('sec-websocket-protocol')
  })
})
