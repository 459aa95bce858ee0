/** The fast transport: uWebSockets.js. Protocol faults end the TCP connection without a close frame here. */

import type * as uws from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { type AddressInfo, createServer, SocketAddress } from 'node:net'
import { internalError, tooLarge } from './answers.ts'
import { type Head, isRefusal, readHead } from './head.ts'
import { readTls, type TlsFiles } from './tls.ts'
import type { App, HttpRequest, HttpResponse, Limits, Listening, Peer, Socket, Transport } from './transport.ts'
import type { Uws, UwsApp } from './uws-load.ts'

/** uWebSockets.js drops what does not fit: the gateway's own bound on a socket's queue must be met first. */
const MAX_BACKPRESSURE = 64 * 1024 * 1024
/** `drained` is told when no more than this is buffered. */
const LOW_WATER = 64 * 1024

/** The library copies what hangs on a WebSocket key by key: hence one key. */
interface Seat {
  readonly ours: UwsSocket
}

const addressOf = (bytes: ArrayBuffer): string => {
  const octets = new Uint8Array(bytes)
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`
  // IPv4 in IPv6 (RFC 4291 section 2.5.5.2).
  const mapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff
  if (mapped) return octets.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16))
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
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

/**
 * Answers, and calls `done` when all was given to the system. Until then the library ends a connection that asks again:
 * a peer that asks on and reads nothing would otherwise fill the memory with answers.
 */
const write = (
  response: uws.HttpResponse,
  { status, headers, body }: HttpResponse,
  withBody: boolean,
  close: boolean,
  done: () => void,
): void => {
  response.cork(() => {
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`)
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value)
    const length = Buffer.byteLength(body)
    if (withBody && !close && length > 0) {
      if (!response.tryEnd(body, length)[0]) {
        const bytes = Buffer.from(body)
        response.onWritable((offset) => {
          const [taken, finished] = response.tryEnd(bytes.subarray(offset), length)
          if (finished) done()
          return taken
        })
        return
      }
    } else if (withBody) response.end(body, close)
    else response.endWithoutBody(length, close)
    done()
  })
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
      this.#left()
    })
  }

  #left(): void {
    if (this.#requests === 0 && this.#sockets === 0) this.#idle?.()
  }

  http(response: uws.HttpResponse, request: uws.HttpRequest): void {
    const method = request.getCaseSensitiveMethod()
    const withBody = method !== 'HEAD'
    const head = readHead((visit) => request.forEach(visit))
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
      write(response, given, withBody, close, end)
    }
    if (isRefusal(head)) {
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

  #readBody(response: uws.HttpResponse, head: Head, done: (body: Uint8Array) => void, refuse: () => void): void {
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
    const head = readHead((visit) => request.forEach(visit))
    const address = addressOf(response.getRemoteAddress())
    const taken = isRefusal(head)
      ? head
      : this.#app.upgrade({ header: (name) => head.get(name), path: request.getUrl(), address })
    if (typeof taken !== 'function') {
      write(response, taken, true, true, () => undefined)
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
