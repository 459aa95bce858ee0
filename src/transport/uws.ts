/** The fast transport: uWebSockets.js. Protocol faults end the TCP connection without a close frame here. */

import type * as uws from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { type AddressInfo, createServer, SocketAddress } from 'node:net'
import { ambiguousBody, ambiguousHead, internalError, tooLarge, tooManyHeaders } from './answers.ts'
import type { App, HttpRequest, HttpResponse, Limits, Listening, Peer, Socket, Transport } from './transport.ts'
import type { Uws } from './uws-load.ts'

const MAX_HEADERS = 100
/** uWebSockets.js drops what does not fit: the gateway's own bound on a socket's queue must be met first. */
const MAX_BACKPRESSURE = 64 * 1024 * 1024
/** `drained` is told when no more than this is buffered. */
const LOW_WATER = 64 * 1024

/** What hangs on a WebSocket: its peer, and how it was let in. */
interface Seat {
  readonly address: string
  readonly accept: (socket: Socket) => Peer
  socket: UwsSocket | null
  peer: Peer | null
}

const addressOf = (bytes: ArrayBuffer): string => {
  const octets = new Uint8Array(bytes)
  if (octets.length === 4) return octets.join('.')
  // IPv4 in IPv6 (RFC 4291 section 2.5.5.2).
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff
  if (mapped) return octets.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16))
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
}

class UwsSocket implements Socket {
  readonly address: string
  readonly #socket: uws.WebSocket<Seat>
  #open = true

  constructor(socket: uws.WebSocket<Seat>, address: string) {
    this.#socket = socket
    this.address = address
  }

  get buffered(): number {
    return this.#open ? this.#socket.getBufferedAmount() : 0
  }

  send(text: string): boolean {
    if (!this.#open) return false
    const sent = this.#socket.send(text, false, false)
    // 2 means dropped: a hole in the conversation would be worse than its end.
    if (sent === 2) this.terminate()
    return sent === 1
  }

  close(code: number, reason: string): void {
    if (this.#open) this.#socket.end(code, reason)
  }

  terminate(): void {
    if (this.#open) this.#socket.close()
  }

  /** The library throws on any use after this. */
  gone(): void {
    this.#open = false
  }
}

/** The headers by name, or the answer to a head that decides nothing. */
const readHead = (request: uws.HttpRequest): ReadonlyMap<string, string> | HttpResponse => {
  const headers = new Map<string, string>()
  let count = 0
  let refused: HttpResponse | null = null
  request.forEach((name, value) => {
    count++
    const before = headers.get(name)
    if (before !== undefined && (name === 'host' || name === 'content-length')) refused = ambiguousHead(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  })
  if (count > MAX_HEADERS) return tooManyHeaders
  // The library takes any transfer encoding as chunked, and prefers it to a length.
  const encoding = headers.get('transfer-encoding')
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || headers.has('content-length'))) {
    return ambiguousBody
  }
  return refused ?? headers
}

const isResponse = (head: ReadonlyMap<string, string> | HttpResponse): head is HttpResponse => 'status' in head

const write = (
  response: uws.HttpResponse,
  { status, headers, body }: HttpResponse,
  withBody: boolean,
  close: boolean,
) => {
  response.cork(() => {
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`)
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value)
    if (withBody) response.end(body, close)
    else response.endWithoutBody(Buffer.byteLength(body), close)
  })
}

class Server {
  readonly #app: App
  readonly #limits: Limits
  readonly #onFault: (error: unknown) => void
  readonly #sockets = new Set<UwsSocket>()
  #requests = 0
  #idle: (() => void) | null = null

  constructor(app: App, limits: Limits, onFault: (error: unknown) => void) {
    this.#app = app
    this.#limits = limits
    this.#onFault = onFault
  }

  /** Resolves when no request and no socket is left. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve
      this.#left()
    })
  }

  terminate(): void {
    for (const socket of [...this.#sockets]) socket.terminate()
  }

  #left(): void {
    if (this.#requests === 0 && this.#sockets.size === 0) this.#idle?.()
  }

  http(response: uws.HttpResponse, request: uws.HttpRequest): void {
    const method = request.getCaseSensitiveMethod()
    const withBody = method !== 'HEAD'
    const head = readHead(request)
    let open = true
    this.#requests++
    const end = (): void => {
      if (!open) return
      open = false
      this.#requests--
      this.#left()
    }
    response.onAborted(end)
    const answer = (given: HttpResponse, close = false): void => {
      if (!open) return
      write(response, given, withBody, close)
      end()
    }
    if (isResponse(head)) {
      answer(head, true)
      return
    }
    const path = request.getUrl()
    // Undefined without a question mark, whatever the library's types say.
    const query = request.getQuery() ?? ''
    const address = addressOf(response.getRemoteAddress())
    const serve = (body: Uint8Array): void => {
      const asked: HttpRequest = { method, path, query, header: (name) => head.get(name), address, body }
      this.#serve(asked).then(answer, (error: unknown) => {
        this.#onFault(error)
        answer(internalError)
      })
    }
    this.#readBody(response, head, serve, () => answer(tooLarge(this.#limits.maxMessage), true))
  }

  // Async, so that a handler that throws rejects instead.
  async #serve(request: HttpRequest): Promise<HttpResponse> {
    return this.#app.http(request)
  }

  #readBody(
    response: uws.HttpResponse,
    head: ReadonlyMap<string, string>,
    done: (body: Uint8Array) => void,
    refuse: () => void,
  ): void {
    const declared = head.get('content-length')
    if (declared === undefined && !head.has('transfer-encoding')) {
      done(new Uint8Array())
      return
    }
    const limit = this.#limits.maxMessage
    if (Number(declared ?? 0) > limit) {
      refuse()
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    response.onData((chunk, last) => {
      length += chunk.byteLength
      if (length > limit) {
        if (length - chunk.byteLength <= limit) refuse()
        return
      }
      // The library takes the chunk's memory back after this call.
      chunks.push(Buffer.from(new Uint8Array(chunk)))
      if (last) done(Buffer.concat(chunks, length))
    })
  }

  upgrade(response: uws.HttpResponse, request: uws.HttpRequest, context: uws.us_socket_context_t): void {
    const head = readHead(request)
    const address = addressOf(response.getRemoteAddress())
    const taken = isResponse(head)
      ? head
      : this.#app.upgrade({ header: (name) => head.get(name), path: request.getUrl(), address })
    if (typeof taken !== 'function') {
      write(response, taken, true, true)
      return
    }
    const seat: Seat = { address, accept: taken, socket: null, peer: null }
    // No sub-protocol and no extension is agreed to.
    response.upgrade(seat, request.getHeader('sec-websocket-key'), '', '', context)
  }

  readonly behavior: uws.WebSocketBehavior<Seat> = {
    idleTimeout: 0,
    maxBackpressure: MAX_BACKPRESSURE,
    upgrade: (response, request, context) => this.upgrade(response, request, context),
    open: (socket) => {
      const seat = socket.getUserData()
      seat.socket = new UwsSocket(socket, seat.address)
      this.#sockets.add(seat.socket)
      seat.peer = seat.accept(seat.socket)
    },
    message: (socket, message, binary) => socket.getUserData().peer?.message(new Uint8Array(message), binary),
    drain: (socket) => {
      if (socket.getBufferedAmount() <= LOW_WATER) socket.getUserData().peer?.drained()
    },
    close: (socket, code) => {
      const { socket: ours, peer } = socket.getUserData()
      if (ours === null) return
      ours.gone()
      this.#sockets.delete(ours)
      peer?.closed(code)
      this.#left()
    },
  }
}

/**
 * Finds a free port, or rejects where the wanted one cannot be had. The library shares a port with whoever shares it, in
 * silence; and in its exclusive mode, and with a port of its own choice, it does without SO_REUSEADDR, so that the
 * port cannot be had again for a minute after a restart. Hence node:net is asked first.
 */
const probe = (host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, host, () => {
      const { port: free } = server.address() as AddressInfo
      server.close(() => resolve(free))
    })
  })

const listen = async (
  { App: createApp, us_listen_socket_close: stopListening, us_socket_local_port: portOf }: Uws,
  host: string,
  port: number,
  limits: Limits,
  app: App,
  onFault: (error: unknown) => void,
): Promise<Listening> => {
  const server = new Server(app, limits, onFault)
  const native = createApp()
  native.ws<Seat>('/*', { ...server.behavior, maxPayloadLength: limits.maxMessage })
  native.any('/*', (response, request) => server.http(response, request))
  const free = await probe(host, port)
  const listening = await new Promise<uws.us_listen_socket | false>((resolve) => {
    native.listen(host, free, resolve)
  })
  if (listening === false) {
    throw Object.assign(new Error(`${host}:${free} is in use`), { code: 'EADDRINUSE', address: host, port: free })
  }
  const bound = portOf(listening)
  let ended: Promise<void> | null = null
  const stop = (): Promise<void> => {
    if (ended === null) {
      stopListening(listening)
      ended = server.idle()
    }
    return ended
  }
  return {
    host,
    port: bound,
    stop,
    close: async () => {
      const done = stop()
      server.terminate()
      native.close()
      await done
    },
  }
}

/** `onFault` hears what went wrong inside a handler: a bug, never a peer's mistake. */
export const uwsTransport = (uws: Uws, onFault: (error: unknown) => void): Transport => {
  // Its own header would name the server's software.
  uws._cfg('silent')
  return {
    name: 'uWebSockets.js',
    listen: (host, port, limits, app) => listen(uws, host, port, limits, app, onFault),
  }
}
