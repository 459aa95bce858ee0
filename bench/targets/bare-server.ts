/** A baseline's process: `node bare-server.js uws|ws ANSWERS`. It greets, lets everybody in and answers everything alike. */

import type * as uws from 'uWebSockets.js'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

export interface BareAnswers {
  readonly greeting: string
  readonly welcome: string
  /** To every message but the first. */
  readonly reply: string
  /** Of every HTTP answer. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** So many sockets, those that are open for longest, are ended by each request with a body. */
  readonly ends: number
}

const ENDED = 4200

const [, , library, given] = process.argv
const { greeting, welcome, reply, headers, body, ends } = JSON.parse(given!) as BareAnswers
const say = (port: number): boolean => process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)

const serveUws = (): void => {
  const library = createRequire(import.meta.url)('uWebSockets.js') as typeof uws
  library._cfg('silent')
  const lines = Object.entries(headers)
  const open = new Set<uws.WebSocket<{ isIn: boolean }>>()
  const app = library.App()
  app.ws<{ isIn: boolean }>('/*', {
    maxPayloadLength: 64 * 1024,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade: (response, request, context) => {
      // A gateway has to look at it.
      request.getHeader('origin')
      response.upgrade({ isIn: false }, request.getHeader('sec-websocket-key'), '', '', context)
    },
    open: (socket) => {
      socket.send(greeting, false, false)
      if (ends > 0) open.add(socket)
    },
    close: (socket) => {
      if (ends > 0) open.delete(socket)
    },
    message: (socket) => {
      const seat = socket.getUserData()
      socket.send(seat.isIn ? reply : welcome, false, false)
      seat.isIn = true
    },
  })
  const answer = (response: uws.HttpResponse): void => {
    response.cork(() => {
      response.writeStatus('200 OK')
      for (const [name, value] of lines) response.writeHeader(name, value)
      response.end(body)
    })
  }
  app.any('/*', (response, request) => {
    request.getHeader('authorization')
    if (request.getHeader('content-length') === '') {
      answer(response)
      return
    }
    response.onAborted(() => undefined)
    response.onData((_, last) => {
      if (!last) return
      for (const socket of [...open].slice(0, ends)) socket.end(ENDED)
      answer(response)
    })
  })
  app.listen('127.0.0.1', 0, (socket) => void say(library.us_socket_local_port(socket as uws.us_listen_socket)))
}

const serveWs = (): void => {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      if (request.method === 'POST') for (const socket of [...sockets.clients].slice(0, ends)) socket.close(ENDED)
      response.writeHead(200, headers).end(body)
    })
  })
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 64 * 1024 })
  sockets.on('connection', (socket, request) => {
    let isIn = false
    void request.headers.origin
    socket.on('message', () => {
      socket.send(isIn ? reply : welcome)
      isIn = true
    })
    socket.on('error', () => undefined)
    socket.send(greeting)
  })
  server.listen(0, '127.0.0.1', () => void say((server.address() as AddressInfo).port))
}

if (library === 'uws') serveUws()
else serveWs()
