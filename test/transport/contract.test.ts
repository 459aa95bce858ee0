/** What every transport promises, byte by byte. Where the libraries differ stands in one table. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App, HttpRequest, Listening, Peer, Socket, Transport } from '../../src/transport/transport.ts'
import { uwsTransport } from '../../src/transport/uws.ts'
import { loadUws } from '../../src/transport/uws-load.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { BINARY, CLOSE, frame, PING, PONG, Raw, TEXT } from './raw.ts'

const MAX = 64 * 1024

interface Differences {
  /** A protocol fault (RFC 6455 section 7.1.7): a close frame with the code, or TCP ends. uWebSockets.js sends none. */
  readonly saysFaults: boolean
  /** An unmasked frame is a fault; uWebSockets.js takes any frame as masked. */
  readonly wantsMasks: boolean
  /** What cannot be read as HTTP is answered 400; uWebSockets.js ends TCP. */
  readonly answersBadHttp: boolean
}

const differences: Readonly<Record<string, Differences>> = {
  ws: { saysFaults: true, wantsMasks: true, answersBadHttp: true },
  uws: { saysFaults: false, wantsMasks: false, answersBadHttp: false },
}

const loaded = loadUws()
const drivers: readonly (readonly [name: string, make: ((fault: (error: unknown) => void) => Transport) | null])[] = [
  ['ws', wsTransport],
  ['uws', 'uws' in loaded ? (fault) => uwsTransport(loaded.uws, fault) : null],
]

interface Heard {
  readonly socket: Socket
  readonly messages: { data: Buffer; binary: boolean }[]
  pings: number
  pongs: number
  drained: number
  readonly closes: number[]
}

describe.each(drivers)('transport %s', (name, make) => {
  if (make === null) {
    test.skip('missing' in loaded ? loaded.missing : '', () => undefined)
    return
  }
  const { saysFaults, wantsMasks, answersBadHttp } = differences[name]!
  let listening: Listening
  let peers: Heard[]
  let requests: { request: HttpRequest; body: string }[]
  let answer: App['http']
  let onMessage: (heard: Heard, text: string) => void
  const faults: unknown[] = []

  const app: App = {
    http: (request) => {
      requests.push({ request, body: Buffer.from(request.body).toString() })
      return answer(request)
    },
    upgrade: ({ path, header }) => {
      if (path !== '/socket') return { status: 404, headers: { 'x-why': 'path' }, body: 'no socket here' }
      if (header('x-refuse') !== undefined) return { status: 403, headers: {}, body: 'refused' }
      return (socket): Peer => {
        const heard: Heard = { socket, messages: [], pings: 0, pongs: 0, drained: 0, closes: [] }
        peers.push(heard)
        return {
          // Only valid during the call: a copy is kept.
          message: (data, binary) => {
            heard.messages.push({ data: Buffer.from(Buffer.from(data)), binary })
            onMessage(heard, Buffer.from(data).toString())
          },
          pinged: () => void heard.pings++,
          ponged: () => void heard.pongs++,
          drained: () => void heard.drained++,
          closed: (code) => void heard.closes.push(code),
        }
      }
    },
  }

  beforeEach(async () => {
    peers = []
    requests = []
    faults.length = 0
    answer = ({ path, query }) => ({ status: 200, headers: { 'x-path': path }, body: `${path}?${query}` })
    onMessage = ({ socket }, text) => void socket.send(text)
    listening = await make((fault) => faults.push(fault)).listen('127.0.0.1', 0, { maxMessage: MAX }, app)
  })
  afterEach(async () => {
    await listening.close()
    expect(faults).toEqual([])
  })

  const raw = (): Promise<Raw> => Raw.open(listening.port)
  const socket = async (): Promise<Raw> => {
    const opened = await raw()
    expect(await opened.upgrade()).toMatchObject({ status: 101 })
    return opened
  }
  const request = (line: string, headers = '', body = ''): string =>
    `${line} HTTP/1.1\r\nhost: test\r\n${headers}\r\n${body}`

  /** The connection ends as for a protocol fault. */
  const expectFault = async (connection: Raw, code: number): Promise<void> => {
    if (saysFaults) {
      const close = await connection.frame()
      expect({ opcode: close?.opcode, code: close?.payload.readUInt16BE(0) }).toEqual({ opcode: CLOSE, code })
    } else {
      expect(await connection.frame()).toBe(null)
    }
  }

  describe('HTTP', () => {
    test('a request is given whole: method, path, query, headers by lower-case name, address', async () => {
      const connection = await raw()
      connection.write(request('GET /a%20b/?x=1&y=%2F', 'X-One: 1\r\nx-two: a\r\nX-Two: b\r\n'))
      expect(await connection.answer()).toMatchObject({ status: 200, body: '/a%20b/?x=1&y=%2F' })
      const { request: asked } = requests[0]!
      expect([asked.method, asked.path, asked.query, asked.address]).toEqual([
        'GET',
        '/a%20b/',
        'x=1&y=%2F',
        '127.0.0.1',
      ])
      expect([asked.header('x-one'), asked.header('x-two'), asked.header('x-three')]).toEqual(['1', 'a, b', undefined])
    })

    test('without a question mark the query is empty', async () => {
      const connection = await raw()
      connection.write(request('GET /'))
      await connection.answer()
      expect(requests[0]!.request.query).toBe('')
    })

    test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s arrives as it is', async (method) => {
      const connection = await raw()
      connection.write(request(`${method} /`, 'content-length: 0\r\n'))
      expect(await connection.answer()).toMatchObject({ status: 200 })
      expect(requests[0]!.request.method).toBe(method)
    })

    test.each([
      ['a good one', ''],
      ['one that decides nothing', 'x-forwarded-for: 1.2.3.4\r\nX-Forwarded-For: 1.2.3.5\r\n'],
    ])(
      'a HEAD request is answered without a body, at once or later, and the server goes on: %s',
      async (_, headers) => {
        for (const wait of [null, Promise.resolve()]) {
          const given = { status: 200, headers: {}, body: 'x'.repeat(100) }
          answer = () => (wait === null ? given : wait.then(() => given))
          const connection = await raw()
          connection.write(request('HEAD /', headers))
          expect(await connection.answer(false)).toMatchObject({ status: headers === '' ? 200 : 400 })
          connection.socket.destroy()
          const another = await raw()
          another.write(request('GET /'))
          expect(await another.answer()).toMatchObject({ status: 200, body: given.body })
        }
      },
    )

    test('answers that share frozen headers have them each, with their own status', async () => {
      const headers = Object.freeze({ 'x-a': 'b' })
      for (const status of [200, 404, 200]) {
        answer = () => ({ status, headers, body: 'x' })
        const connection = await raw()
        connection.write(request('GET /'))
        const { status: read, head } = (await connection.answer())!
        expect(read).toBe(status)
        expect(head).toMatch(/\r\nx-a: b\r\n/i)
      }
    })

    test('answers have their status, headers, length and bytes', async () => {
      answer = () => ({ status: 418, headers: { 'x-a': 'b', 'content-type': 'text/plain' }, body: 'tea ☕' })
      const connection = await raw()
      connection.write(request('GET /'))
      const { status, head, body } = (await connection.answer())!
      expect({ status, body }).toEqual({ status: 418, body: 'tea ☕' })
      expect(head).toMatch(/\r\nx-a: b\r\n/i)
      expect(head).toMatch(/\r\ncontent-length: 7\r\n/i)
      expect(head).not.toMatch(/\r\n(?:server|uwebsockets|x-powered-by):/i)
    })

    test('a connection serves several requests, and several that came at once, in order', async () => {
      let late: () => void = () => undefined
      const waiting = new Promise<void>((resolve) => {
        late = resolve
      })
      answer = async ({ path }) => {
        if (path === '/1') await waiting
        else late()
        return { status: 200, headers: {}, body: path }
      }
      const first = await raw()
      first.write(request('GET /0'))
      expect(await first.answer()).toMatchObject({ body: '/0' })
      const second = await raw()
      second.write(request('GET /1') + request('GET /2'))
      first.write(request('GET /3'))
      expect(await first.answer()).toMatchObject({ body: '/3' })
      expect(await second.answer()).toMatchObject({ body: '/1' })
      expect(await second.answer()).toMatchObject({ body: '/2' })
    })

    test.each([
      ['its length', 'content-length: 11\r\n', 'hello world'],
      ['chunks', 'transfer-encoding: chunked\r\n', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'],
    ])('a body by %s arrives whole, in however many pieces', async (_, header, body) => {
      const connection = await raw()
      connection.write(request('POST /', header))
      for (const letter of body) {
        connection.write(letter)
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(await connection.answer()).toMatchObject({ status: 200 })
      expect(requests.map((one) => one.body)).toEqual(['hello world'])
    })

    test('a body of the largest size is taken; one byte more is 413, by its declared length and before it is sent', async () => {
      const whole = await raw()
      whole.write(request('POST /', `content-length: ${MAX}\r\n`, 'x'.repeat(MAX)))
      expect(await whole.answer()).toMatchObject({ status: 200 })
      const declared = await raw()
      declared.write(request('POST /', `content-length: ${MAX + 1}\r\n`))
      expect(await declared.answer()).toMatchObject({ status: 413 })
      expect(requests).toHaveLength(1)
    })

    test('a body in chunks that grows too large is 413', async () => {
      const connection = await raw()
      connection.write(request('POST /', 'transfer-encoding: chunked\r\n'))
      const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
      for (let sent = 0; sent <= MAX; sent += 0x4000) connection.write(chunk)
      expect(await connection.answer()).toMatchObject({ status: 413 })
      expect(requests).toEqual([])
    })

    test('a request that is cut off is never given, and harms nobody', async () => {
      const cut = await raw()
      cut.write(request('POST /', 'content-length: 10\r\n', 'half'))
      cut.socket.destroy()
      await cut.ended
      const other = await raw()
      other.write(request('GET /'))
      expect(await other.answer()).toMatchObject({ status: 200 })
      expect(requests).toHaveLength(1)
    })

    test('an answer for a peer that has gone is dropped', async () => {
      let give: () => void = () => undefined
      const gone = await raw()
      const asked = new Promise<void>((resolve) => {
        answer = () => {
          resolve()
          return new Promise((done) => {
            give = () => done({ status: 200, headers: {}, body: '' })
          })
        }
      })
      gone.write(request('GET /'))
      await asked
      gone.socket.destroy()
      await gone.ended
      give()
      answer = () => ({ status: 200, headers: {}, body: 'still here' })
      const other = await raw()
      other.write(request('GET /'))
      expect(await other.answer()).toMatchObject({ body: 'still here' })
    })

    test.each([
      ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
      ['two different lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'],
      [
        'length and chunks',
        'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['no HTTP', 'hello\r\n\r\n'],
      ['a blank before the colon', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n'],
    ])('%s: nothing is reached (A25)', async (what, text) => {
      const connection = await raw()
      connection.write(text)
      const given = await connection.answer()
      if (answersBadHttp || what === 'two hosts') expect(given).toMatchObject({ status: 400 })
      else expect(given === null || given.status === 400).toBe(true)
      expect(requests).toEqual([])
    })
  })

  describe('upgrade', () => {
    test('is accepted without a sub-protocol and without an extension (A10)', async () => {
      const connection = await raw()
      const offers = 'sec-websocket-extensions: permessage-deflate\r\nsec-websocket-protocol: a, b\r\n'
      const { status, head } = (await connection.upgrade('/socket', offers))!
      expect(status).toBe(101)
      expect(head).not.toMatch(/sec-websocket-(?:extensions|protocol)/i)
    })

    test.each([
      ['/other', '', 404, 'no socket here'],
      ['/socket', 'x-refuse: 1\r\n', 403, 'refused'],
    ])('is refused with an answer: %s %s', async (path, headers, status, body) => {
      expect(await (await raw()).upgrade(path, headers)).toMatchObject({ status, body })
      expect(peers).toEqual([])
    })
  })

  describe('messages', () => {
    test('text arrives as text, binary as binary, and a text goes back', async () => {
      const connection = await socket()
      connection.write(frame(TEXT, 'grüße'))
      expect(await connection.frame()).toMatchObject({ final: true, opcode: TEXT, payload: Buffer.from('grüße') })
      connection.write(frame(BINARY, Buffer.from([0, 255])))
      await connection.frame()
      expect(peers[0]!.messages.map(({ binary }) => binary)).toEqual([false, true])
      expect(peers[0]!.messages[1]!.data).toEqual(Buffer.from([0, 255]))
    })

    test('fragments are joined, with a ping between them answered', async () => {
      const connection = await socket()
      connection.write(frame(TEXT, 'hel', { final: false }))
      connection.write(frame(PING, 'there?'))
      connection.write(frame(0, 'lo'))
      expect(await connection.frame()).toMatchObject({ opcode: PONG, payload: Buffer.from('there?') })
      expect(await connection.frame()).toMatchObject({ payload: Buffer.from('hello') })
      expect(peers[0]!.pings).toBe(1)
    })

    test('several frames in one piece, and one frame in many, are the messages that they are', async () => {
      const connection = await socket()
      connection.write(Buffer.concat(['a', 'b', 'c'].map((text) => frame(TEXT, text))))
      for (const text of ['a', 'b', 'c']) expect(String((await connection.frame())!.payload)).toBe(text)
      for (const byte of frame(TEXT, 'slowly')) {
        connection.write(Buffer.from([byte]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(String((await connection.frame())!.payload)).toBe('slowly')
    })

    test('a message of the largest size passes, one byte more ends the socket', async () => {
      const connection = await socket()
      connection.write(frame(TEXT, 'x'.repeat(MAX)))
      expect((await connection.frame())!.payload.length).toBe(MAX)
      connection.write(frame(TEXT, 'x'.repeat(MAX + 1)))
      await expectFault(connection, 1009)
      expect(peers[0]!.messages).toHaveLength(1)
    })

    test('fragments that add up to more than the largest size end the socket', async () => {
      const connection = await socket()
      connection.write(frame(TEXT, 'x'.repeat(MAX), { final: false }))
      connection.write(frame(0, 'x'))
      await expectFault(connection, 1009)
      expect(peers[0]!.messages).toEqual([])
    })

    test.each([
      ['bad UTF-8', frame(TEXT, Buffer.from([0xc3, 0x28])), 1007],
      ['a surrogate', frame(TEXT, Buffer.from([0xed, 0xa0, 0x80])), 1007],
      ['a reserved bit', frame(TEXT, 'x', { reserved: 64 }), 1002],
      ['a reserved opcode', frame(3, 'x'), 1002],
      ['a continuation of nothing', frame(0, 'x'), 1002],
      ['a ping in fragments', frame(PING, 'x', { final: false }), 1002],
      ['a ping that is too long', frame(PING, 'x'.repeat(126)), 1002],
    ])('%s ends the socket, and no message is given (A11, A12)', async (_, bytes, code) => {
      const connection = await socket()
      connection.write(bytes)
      await expectFault(connection, code)
      await connection.socket.end()
      expect(peers[0]!.messages).toEqual([])
    })

    test('an unmasked frame is not taken for a message (A11)', async () => {
      const connection = await socket()
      connection.write(frame(TEXT, 'unmasked', { masked: false }))
      if (wantsMasks) await expectFault(connection, 1002)
      else connection.socket.destroy()
      await connection.ended
      expect(peers[0]!.messages.map(({ data }) => String(data))).not.toContain('unmasked')
    })
  })

  describe('the end', () => {
    const gone = (heard: Heard): Promise<void> => expect.poll(() => heard.closes.length, { timeout: 15_000 }).toBe(1)

    test('a close frame is answered, and told once', async () => {
      const connection = await socket()
      connection.write(frame(CLOSE, Buffer.from([0x03, 0xe8])))
      expect(await connection.frame()).toMatchObject({ opcode: CLOSE })
      await connection.ended
      await gone(peers[0]!)
      expect(peers[0]!.closes).toEqual([1000])
    })

    test('a connection that is cut is told once', async () => {
      const connection = await socket()
      connection.socket.resetAndDestroy()
      await gone(peers[0]!)
      expect(peers[0]!.closes).toEqual([1006])
    })

    test('the server closes with a code and a reason, after what it sent', async () => {
      onMessage = ({ socket: sending }) => {
        sending.send('last words')
        sending.close(4200, '{"after_ms":1}')
        sending.send('never')
      }
      const connection = await socket()
      connection.write(frame(TEXT, 'x'))
      expect(String((await connection.frame())!.payload)).toBe('last words')
      const close = (await connection.frame())!
      expect([close.opcode, close.payload.readUInt16BE(0), String(close.payload.subarray(2))]).toEqual([
        CLOSE,
        4200,
        '{"after_ms":1}',
      ])
      connection.write(frame(CLOSE, close.payload))
      await connection.ended
      await gone(peers[0]!)
    })

    test('a socket that was closed takes every call, and does nothing', async () => {
      const connection = await socket()
      connection.socket.resetAndDestroy()
      const [heard] = peers as [Heard]
      await gone(heard)
      heard.socket.send('x')
      heard.socket.ping()
      heard.socket.close(1000, '')
      heard.socket.terminate()
      expect(heard.socket.buffered).toBe(0)
      expect(heard.closes).toHaveLength(1)
    })

    test('terminate ends the connection without a word', async () => {
      onMessage = ({ socket: sending }) => sending.terminate()
      const connection = await socket()
      connection.write(frame(TEXT, 'x'))
      expect(await connection.frame()).toBe(null)
      await gone(peers[0]!)
    })

    test('a ping of the server is answered, and the answer is told', async () => {
      onMessage = ({ socket: sending }) => sending.ping()
      const connection = await socket()
      connection.write(frame(TEXT, 'x'))
      expect(await connection.frame()).toMatchObject({ opcode: PING })
      connection.write(frame(PONG, ''))
      await expect.poll(() => peers[0]!.pongs).toBe(1)
    })

    test('a peer that does not read: what is sent waits and is counted, and its drain is told', async () => {
      const connection = await socket()
      const [heard] = peers as [Heard]
      connection.socket.pause()
      const text = 'x'.repeat(60_000)
      let sent = 1
      while (heard.socket.send(text) || heard.socket.buffered === 0) {
        sent++
        // What the kernel takes is taken when the loop turns.
        await new Promise((resolve) => setImmediate(resolve))
        if (sent > 2000) throw new Error('nothing waits')
      }
      connection.socket.resume()
      for (let read = 0; read < sent; read++) expect((await connection.frame())!.payload.length).toBe(60_000)
      await expect.poll(() => heard.drained).toBeGreaterThan(0)
      expect(heard.socket.buffered).toBe(0)
    })

    test('after stop nobody comes in, and who is there stays until the last has gone', async () => {
      const connection = await socket()
      let stopped = false
      const stopping = listening.stop().then(() => {
        stopped = true
      })
      await expect(raw().then((late) => late.upgrade())).rejects.toThrow(/ECONNREFUSED|ECONNRESET/)
      connection.write(frame(TEXT, 'still here'))
      expect(String((await connection.frame())!.payload)).toBe('still here')
      expect(stopped).toBe(false)
      connection.socket.destroy()
      await stopping
    })

    test('close ends everybody', async () => {
      const connection = await socket()
      await listening.close()
      await connection.ended
      expect(peers[0]!.closes).toHaveLength(1)
    })
  })

  test('a port that is taken is refused with the system’s code (G12)', async () => {
    const second = make(() => undefined).listen('127.0.0.1', listening.port, { maxMessage: MAX }, app)
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', port: listening.port })
  })
})
