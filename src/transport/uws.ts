/** The fast transport: uWebSockets.js. Protocol faults end the TCP connection without a close frame here. */

import type * as uws from 'uWebSockets.js'
import { type AddressInfo, createServer, SocketAddress } from 'node:net'
import { internalError, tooLarge } from './answers.ts'
import { Head } from './head.ts'
import { readTls, type TlsFiles } from './tls.ts'
import type { App, HttpRequest, Limits, Listening, Peer, Socket, Transport } from './transport.ts'
import { Exchange } from './uws-exchange.ts'
import type { Uws, UwsApp } from './uws-load.ts'

/** uWebSockets.js drops what does not fit: the gateway's own bound on a socket's queue must be met first. */
const MAX_BACKPRESSURE = 64 * 1024 * 1024
/** `drained` is told when no more than this is buffered. */
const LOW_WATER = 64 * 1024

/** The library copies what hangs on a WebSocket key by key: hence one key. */
interface Seat {
  readonly ours: UwsSocket
}

const NO_BODY = new Uint8Array()

const addressOf = (bytes: ArrayBuffer): string => {
  const octets = new Uint8Array(bytes)
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`
  // IPv4 in IPv6 (RFC 4291 section 2.5.5.2).
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff
  if (mapped) return octets.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16))
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
}

const headOf = (request: uws.HttpRequest): Head => {
  const head = new Head()
  request.forEach((name, value) => {
    head.add(name, value)
  })
  return head
}

class UwsSocket implements Socket {
  readonly address: string
  /** Before `open` and after `gone` there is none: the library throws on any use of one that has closed. */
  #native: uws.WebSocket<Seat> | null = null
  #accept: ((socket: Socket) => Peer) | null
  #peer: Peer | null = null

  constructor(address: string, accept: (socket: Socket) => Peer) {
    this.address = address
    this.#accept = accept
  }

  open(native: uws.WebSocket<Seat>): void {
    const accept = this.#accept!
    this.#native = native
    this.#accept = null
    this.#peer = accept(this)
  }

  get peer(): Peer | null {
    return this.#peer
  }

  get buffered(): number {
    return this.#native?.getBufferedAmount() ?? 0
  }

  send(text: string): boolean {
    if (this.#native === null) return false
    const sent = this.#native.send(text, false, false)
    // 2 means dropped: a hole in the conversation would be worse than its end.
    if (sent === 2) this.terminate()
    return sent === 1
  }

  ping(): void {
    this.#native?.ping()
  }

  close(code: number, reason: string): void {
    this.#native?.end(code, reason)
  }

  terminate(): void {
    this.#native?.close()
  }

  gone(code: number): void {
    const peer = this.#peer
    this.#native = null
    this.#peer = null
    peer?.closed(code)
  }
}

class Server {
  readonly #app: App
  readonly #limits: Limits
  readonly #onFault: (error: unknown) => void
  #sockets = 0
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
      this.#tellIdle()
    })
  }

  #tellIdle(): void {
    if (this.#requests === 0 && this.#sockets === 0) this.#idle?.()
  }

  readonly #left = (): void => {
    this.#requests--
    this.#tellIdle()
  }

  http(response: uws.HttpResponse, request: uws.HttpRequest): void {
    const method = request.getCaseSensitiveMethod()
    const head = headOf(request)
    this.#requests++
    const exchange = new Exchange(response, method !== 'HEAD', this.#left)
    const refusal = head.refusal()
    if (refusal !== null) {
      exchange.answer(refusal, true)
      return
    }
    const path = request.getUrl()
    // Undefined without a question mark, whatever the library's types say.
    const query = request.getQuery() ?? ''
    const address = addressOf(response.getRemoteAddress())
    const header = (name: string): string | undefined => head.get(name)
    if (head.get('content-length') === undefined && head.get('transfer-encoding') === undefined) {
      this.#serve({ method, path, query, header, address, body: NO_BODY }, exchange)
      exchange.later()
      return
    }
    exchange.later()
    this.#readBody(response, head, exchange, (body) =>
      this.#serve({ method, path, query, header, address, body }, exchange),
    )
  }

  /** What is known at once is answered in this turn. */
  #serve(request: HttpRequest, exchange: Exchange): void {
    const failed = (error: unknown): void => {
      this.#onFault(error)
      exchange.answer(internalError)
    }
    try {
      const given = this.#app.http(request)
      if (given instanceof Promise) given.then((answer) => exchange.answer(answer)).catch(failed)
      else exchange.answer(given)
    } catch (error) {
      failed(error)
    }
  }

  #readBody(response: uws.HttpResponse, head: Head, exchange: Exchange, done: (body: Uint8Array) => void): void {
    const limit = this.#limits.maxMessage
    const refuse = (): void => exchange.answer(tooLarge(limit), true)
    if (Number(head.get('content-length') ?? 0) > limit) {
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
      if (last) done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length))
    })
  }

  upgrade(response: uws.HttpResponse, request: uws.HttpRequest, context: uws.us_socket_context_t): void {
    const head = headOf(request)
    const address = addressOf(response.getRemoteAddress())
    const taken =
      head.refusal() ?? this.#app.upgrade({ header: (name) => head.get(name), path: request.getUrl(), address })
    if (typeof taken !== 'function') {
      new Exchange(response, true, () => undefined).answer(taken, true)
      return
    }
    // No sub-protocol and no extension is agreed to.
    response.upgrade<Seat>(
      { ours: new UwsSocket(address, taken) },
      request.getHeader('sec-websocket-key'),
      '',
      '',
      context,
    )
  }

  readonly behavior: uws.WebSocketBehavior<Seat> = {
    // The gateway asks silent peers itself.
    idleTimeout: 0,
    sendPingsAutomatically: false,
    maxBackpressure: MAX_BACKPRESSURE,
    upgrade: (response, request, context) => this.upgrade(response, request, context),
    open: (socket) => {
      this.#sockets++
      socket.getUserData().ours.open(socket)
    },
    message: (socket, message, binary) => socket.getUserData().ours.peer?.message(new Uint8Array(message), binary),
    ping: (socket) => socket.getUserData().ours.peer?.pinged(),
    pong: (socket) => socket.getUserData().ours.peer?.ponged(),
    drain: (socket) => {
      if (socket.getBufferedAmount() <= LOW_WATER) socket.getUserData().ours.peer?.drained()
    },
    close: (socket, code) => {
      this.#sockets--
      socket.getUserData().ours.gone(code)
      this.#tellIdle()
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

/** An app with its routes, listening. */
interface Bound {
  readonly native: UwsApp
  /** Null while it is paused. */
  socket: uws.us_listen_socket | null
}

const bind = (native: UwsApp, host: string, port: number): Promise<uws.us_listen_socket> =>
  new Promise((resolve, reject) => {
    native.listen(host, port, (socket) => {
      if (socket !== false) resolve(socket)
      else {
        const facts = { code: 'EADDRINUSE', address: host, port }
        reject(Object.assign(new Error(`${host}:${port} is in use`), facts))
      }
    })
  })

const listen = async (
  { App, SSLApp, us_listen_socket_close: unlisten, us_socket_local_port: portOf }: Uws,
  host: string,
  wanted: number,
  limits: Limits,
  app: App,
  onFault: (error: unknown) => void,
  files: TlsFiles | null,
): Promise<Listening> => {
  const server = new Server(app, limits, onFault)
  const create = (): UwsApp => {
    // The library reads the files by itself and says nothing of what is wrong with them: looked at before.
    if (files !== null) readTls(files)
    const native = files === null ? App() : SSLApp({ cert_file_name: files.cert, key_file_name: files.key })
    native.ws<Seat>('/*', { ...server.behavior, maxPayloadLength: limits.maxMessage })
    native.any('/*', (response, request) => server.http(response, request))
    return native
  }
  const first = create()
  let bound: Bound = { native: first, socket: await bind(first, host, await probe(host, wanted)) }
  const port = portOf(bound.socket!)
  /** Apps of former certificates: their connections are still open. */
  const former: UwsApp[] = []

  const silence = ({ socket }: Bound): void => {
    if (socket !== null) unlisten(socket)
  }
  let ended: Promise<void> | null = null
  const stop = (): Promise<void> => {
    if (ended === null) {
      silence(bound)
      bound.socket = null
      ended = server.idle()
    }
    return ended
  }
  return {
    host,
    port,
    renewTls: async () => {
      if (files === null || ended !== null) return
      const native = create()
      // Both share the port for a moment, so that no connection finds it closed.
      const socket = bound.socket === null ? null : await bind(native, host, port)
      former.push(bound.native)
      silence(bound)
      bound = { native, socket }
    },
    pause: async (paused) => {
      if (ended !== null || paused === (bound.socket === null)) return
      silence(bound)
      bound.socket = paused ? null : await bind(bound.native, host, port)
    },
    stop,
    close: async () => {
      const done = stop()
      // With it go the connections that are still open.
      for (const native of [...former, bound.native]) native.close()
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
    listen: (host, port, limits, app, tls = null) => listen(uws, host, port, limits, app, onFault, tls),
  }
}
