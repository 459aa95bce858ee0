/** The load generator's own WebSocket frames, beside a library that others trust. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { dialects } from '../../bench/load/dialects.ts'
import { type FrameListener, FrameReader, textFrame } from '../../bench/load/frames.ts'
import { aimAt, LoadSocket } from '../../bench/load/socket.ts'

/** A server's frame: not masked. */
const served = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
        : Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255])
  return Buffer.concat([head, payload])
}

test('frames are counted however the reads cut them', () => {
  const size = fc.oneof(fc.nat(10), fc.constantFrom(0, 125, 126, 127, 65_535, 65_536, 70_000))
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40_000 })),
      (sizes, cuts) => {
        const all = Buffer.concat([
          ...sizes.map((length) => served(1, Buffer.alloc(length, 'x'))),
          served(9, Buffer.alloc(0)),
        ])
        let frames = 0
        let pings = 0
        const listener: FrameListener = {
          frame: () => {
            frames++
          },
          closing: () => undefined,
          pinged: () => {
            pings++
          },
        }
        const reader = new FrameReader(listener)
        let at = 0
        for (const cut of [...cuts, all.length]) {
          if (at >= all.length) break
          reader.read(all.subarray(at, at + cut))
          at += cut
        }
        for (; at < all.length; at++) reader.read(all.subarray(at, at + 1))
        expect([frames, pings]).toEqual([sizes.length, 1])
      },
    ),
    { numRuns: 300 },
  )
})

test('a close is told with its code, also where it was cut', () => {
  for (const cut of [1, 2, 3]) {
    const codes: number[] = []
    const reader = new FrameReader({
      frame: () => undefined,
      closing: (code) => codes.push(code),
      pinged: () => undefined,
    })
    const frame = served(8, Buffer.from([0x10, 0x68]))
    reader.read(frame.subarray(0, cut))
    reader.read(frame.subarray(cut))
    // What was cut in the middle of its payload is told as one without a code.
    expect(codes).toEqual([cut === 3 ? 1005 : 4200])
  }
})

test('a library reads what is sent, of every length', async () => {
  const heard: string[] = []
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.send('{"type":"auth_required"}')
    socket.on('message', (data: Buffer) => {
      heard.push(data.toString())
      socket.send(heard.length === 1 ? '{"type":"auth_ok"}' : 'x')
    })
  })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const aim = aimAt(url, dialects.latchkey, ['127.0.0.9'])
  const socket = await LoadSocket.open(aim, textFrame(dialects.latchkey.auth('token')))
  const texts = [0, 1, 125, 126, 4000, 65_535].map((length) => 'é'.repeat(length / 2) + 'x'.repeat(length % 2))
  await new Promise<void>((resolve) => {
    let left = texts.length
    socket.onFrame = () => {
      if (--left === 0) resolve()
    }
    for (const text of texts) socket.send(textFrame(text))
  })
  expect(heard).toEqual([dialects.latchkey.auth('token'), ...texts])
  const ended = new Promise<number>((resolve) => {
    socket.onEnd = resolve
  })
  socket.close()
  expect(await ended).toBe(1000)
  server.close()
})

test('a server that does not let it in is told in its own words', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.send('{"type":"auth_required"}')
    socket.on('message', () => socket.send('{"type":"auth_invalid"}'))
  })
  await once(server, 'listening')
  const aim = aimAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, dialects.latchkey, [])
  await expect(LoadSocket.open(aim, textFrame('x'))).rejects.toThrow('not let in: {"type":"auth_invalid"}')
  for (const client of server.clients) client.terminate()
  server.close()
})
