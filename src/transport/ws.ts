/** The transport that is always there: node:http and the ws library. */
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { internalError, tooLarge } from './answers.ts'
import { Head, MAX_HEAD_BYTES, MAX_HEADERS } from './head.ts'
import { readTls, type TlsFiles } from './tls.ts'
import type { App, HttpRequest, HttpResponse, Limits, Listening, Peer, Socket, Transport } from './transport.ts'

/** A request's head must be there after this long, the whole request after that. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000
/** A connection without a WebSocket on which nothing moves for this long, as when nobody reads the answer, is cut. */
const IDLE_TIMEOUT_MS = 20_000
/** A client's part of a TLS handshake must be there after this long. */
const TLS = { minVersion: 'TLSv1.2', handshakeTimeout: HEADERS_TIMEOUT_MS } as const
/** ws answers a message in more pieces than these with close 1008. */
const MAX_FRAGMENTS = 64
const MAX_CHUNKS = 256
/** Characters that are gathered before they are written: less than the half of what makes Node say that a stream is full. */
const MAX_GATHERED = 4096
/** A peer that does not answer a close frame in this time is cut off. */
const CLOSE_TIMEOUT_MS = 2000

const addressOf = (request: IncomingMessage): string => {
  const address = request.socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

const headOf = ({ rawHeaders }: IncomingMessage): Head => {
  const head = new Head()
  for (let i = 0; i < rawHeaders.length; i += 2) head.add(rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!)
  return head
}

const partsOf = (request: IncomingMessage): { path: string; query: string } => {
  const url = request.url ?? '/'
  const at = url.indexOf('?')
  return at === -1 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) }
}

/** The body, or null as soon as it is longer than allowed. */
const readBody = (request: IncomingMessage, limit: number): Promise<Buffer | null> => {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve(null)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) {
        request.removeAllListeners('data')
        resolve(null)
      } else chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks, length)))
    request.on('error', reject)
  })
}

const respond = (response: ServerResponse, { status, headers, body }: HttpResponse): void => {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

const serveHttp = async (
  app: App,
  limits: Limits,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const head = headOf(request)
  const refusal = head.refusal()
  if (refusal !== null) {
    response.setHeader('connection', 'close')
    respond(response, refusal)
    return
  }
  const body = await readBody(request, limits.maxMessage)
  if (body === null) {
    response.setHeader('connection', 'close')
    respond(response, tooLarge(limits.maxMessage))
    return
  }
  const query: HttpRequest = {
    method: request.method ?? '',
    ...partsOf(request),
    header: (name) => head.get(name),
    address: addressOf(request),
    body,
  }
  respond(response, await app.http(query))
}

const refuseUpgrade = (socket: Duplex, { status, headers, body }: HttpResponse): void => {
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body}`)
}

class WsSocket implements Socket {
  readonly address: string
  /** Null after the end. */
  peer: Peer | null = null
  readonly #socket: WebSocket
  readonly #tcp: Duplex
  #closing = false
  #corked = false
  #gathered = 0

  constructor(socket: WebSocket, tcp: Duplex, address: string) {
    this.#socket = socket
    this.#tcp = tcp
    this.address = address
  }

  get buffered(): number {
    return this.#socket.bufferedAmount
  }

  send(text: string): boolean {
    if (this.#closing || this.#socket.readyState !== this.#socket.OPEN) return false
    this.#gather(text.length)
    this.#socket.send(text)
    return !this.#tcp.writableNeedDrain
  }

  ping(): void {
    if (!this.#closing && this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#closing = true
    this.#socket.terminate()
  }

  /**
   * Small messages of one turn go to the system in one write. What is gathered stays small: what the system takes at once must
   * never look as if it had to wait.
   */
  #gather(length: number): void {
    this.#gathered += length
    if (this.#gathered > MAX_GATHERED) {
      this.#release()
    } else if (!this.#corked) {
      this.#corked = true
      this.#tcp.cork()
      process.nextTick(() => this.#release())
    }
  }

  #release(): void {
    this.#gathered = 0
    if (!this.#corked) return
    this.#corked = false
    this.#tcp.uncork()
  }
}

/** Where ours hangs on the library's socket and on its connection: listeners that all sockets share cost each of them nothing. */
const OURS = Symbol('ours')

interface Carrier {
  [OURS]?: WsSocket
}

const peerOf = (carrier: object): Peer | null => (carrier as Carrier)[OURS]?.peer ?? null

const onMessage = function (this: WebSocket, data: Buffer, binary: boolean): void {
  peerOf(this)?.message(data, binary)
}
const onPing = function (this: WebSocket): void {
  peerOf(this)?.pinged()
}
const onPong = function (this: WebSocket): void {
  peerOf(this)?.ponged()
}
// ws sends the close frame that fits the fault (1002, 1007, 1008, 1009) by itself, then `close` follows.
const onError = (): void => undefined
const onTcpError = function (this: Duplex): void {
  this.destroy()
}
const onDrain = function (this: Duplex): void {
  peerOf(this)?.drained()
}
const onClose = function (this: WebSocket, code: number): void {
  const peer = peerOf(this)
  const ours = (this as Carrier)[OURS]
  if (ours !== undefined) ours.peer = null
  peer?.closed(code)
}

const attach = (socket: WebSocket, tcp: Duplex, address: string, accept: (socket: Socket) => Peer): void => {
  const ours = new WsSocket(socket, tcp, address)
  ;(socket as Carrier)[OURS] = ours
  ;(tcp as Carrier)[OURS] = ours
  ours.peer = accept(ours)
  socket.on('message', onMessage)
  socket.on('ping', onPing)
  socket.on('pong', onPong)
  socket.on('error', onError)
  socket.on('close', onClose)
  tcp.on('drain', onDrain)
}

const listen = (
  host: string,
  port: number,
  limits: Limits,
  app: App,
  onFault: (error: unknown) => void,
  files: TlsFiles | null,
): Promise<Listening> => {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MAX_HEAD_BYTES,
    // A repeated Host is answered by `Head`, with the others' shape.
    requireHostHeader: true,
  }
  const tls = files === null ? null : createTlsServer({ ...options, ...TLS, ...readTls(files) })
  const server = tls ?? createPlainServer(options)
  server.setTimeout(IDLE_TIMEOUT_MS)
  // One more than is served, so that a cut list is seen.
  server.maxHeadersCount = MAX_HEADERS + 1
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: limits.maxMessage,
    perMessageDeflate: false,
    // Else the first that is offered would be agreed to.
    handleProtocols: () => false,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // The library's types do not know this one yet.
    ...({ closeTimeout: CLOSE_TIMEOUT_MS } as object),
  })

  server.on('request', (request, response) => {
    serveHttp(app, limits, request, response).catch((error: unknown) => {
      // The peer has gone in the middle of its body: nobody's fault, and nobody to answer.
      if (error === request.errored) return
      onFault(error)
      if (!response.headersSent) respond(response, internalError)
      else response.destroy()
    })
  })

  server.on('upgrade', (request, tcp, head) => {
    tcp.on('error', onTcpError)
    const address = addressOf(request)
    const headers = headOf(request)
    const taken =
      headers.refusal() ?? app.upgrade({ header: (name) => headers.get(name), path: partsOf(request).path, address })
    if (typeof taken !== 'function') {
      refuseUpgrade(tcp, taken)
      return
    }
    sockets.handleUpgrade(request, tcp, head, (socket) => attach(socket, tcp, address, taken))
  })

  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      server.on('error', onFault)
      const { port: bound } = server.address() as AddressInfo
      let ended: Promise<void> | null = null
      const stop = (): Promise<void> => {
        ended ??= new Promise((done) => server.close(() => done()))
        return ended
      }
      resolve({
        host,
        port: bound,
        renewTls: async () => {
          if (files !== null) tls!.setSecureContext({ ...TLS, ...readTls(files) })
        },
        pause: async (paused) => {
          // 0 would mean no bound on Node 20; the one that may still come is the check that there is room again.
          server.maxConnections = paused ? 1 : Number.POSITIVE_INFINITY
        },
        stop,
        close: () => {
          for (const socket of sockets.clients) socket.terminate()
          server.closeAllConnections()
          return stop()
        },
      })
    })
  })
}

/** `onFault` hears what went wrong inside a handler: a bug, never a peer's mistake. */
export const wsTransport = (onFault: (error: unknown) => void): Transport => ({
  name: 'ws',
  listen: async (host, port, limits, app, tls = null) => listen(host, port, limits, app, onFault, tls),
})
