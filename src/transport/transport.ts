/** The network's edge: what a transport gives to the gateway, and what it is given. It knows no protocol of ours. */
import type { TlsFiles } from './tls.ts'

export interface HttpRequest {
  readonly method: string
  /** Without the query, as it was sent. */
  readonly path: string
  /** Without the question mark; empty if there is none. */
  readonly query: string
  /** By lower-case name. Repeated headers are joined by `, `; where that could be misread (Host, forwarding) the request does not get here. */
  header(name: string): string | undefined
  /** The peer's IP address. */
  readonly address: string
  readonly body: Uint8Array
}

export interface HttpResponse {
  readonly status: number
  /** Frozen ones belong to many answers: what is made of them is kept. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** An upgrade request, before it is answered. */
export interface Handshake {
  header(name: string): string | undefined
  readonly path: string
  readonly address: string
}

/** One open WebSocket, as the gateway sees it. Every method is safe after the socket has closed: it then does nothing. */
export interface Socket {
  readonly address: string
  /** Sends a text message. False: more is buffered than the peer takes; `drained` will be called. */
  send(text: string): boolean
  /** Sends an empty ping frame. */
  ping(): void
  /** Sends a close frame after what was sent; the peer has some seconds to answer it. `reason`: at most 123 bytes. */
  close(code: number, reason: string): void
  /** Ends the TCP connection now. */
  terminate(): void
  /** Bytes that were sent and that the kernel has not taken. */
  readonly buffered: number
}

/** What the gateway does with a socket's events. A transport calls nothing after `closed`, and `closed` exactly once. */
export interface Peer {
  /** `data` is only valid during the call. */
  message(data: Uint8Array, binary: boolean): void
  /** A ping came, and was answered by the transport. */
  pinged(): void
  ponged(): void
  drained(): void
  closed(code: number): void
}

export interface App {
  http(request: HttpRequest): HttpResponse | Promise<HttpResponse>
  /** Refuses a handshake with an answer, or takes it. */
  upgrade(handshake: Handshake): HttpResponse | ((socket: Socket) => Peer)
}

export interface Limits {
  /** Bytes of one message, and of one HTTP body. */
  readonly maxMessage: number
}

export interface Listening {
  readonly host: string
  readonly port: number
  /**
   * Reads the certificate and its key anew: later connections get them, those that are open stay as they are.
   * Rejects with `TlsRefused` where they are not good; the former go on then. Nothing happens without TLS.
   */
  renewTls(): Promise<void>
  /** Accepts no connections for the time being, or accepts them again; those that are open stay. */
  pause(paused: boolean): Promise<void>
  /** Stops accepting connections; those that are open stay. Resolves when the last of them has ended. */
  stop(): Promise<void>
  /** Ends what is still open and resolves when all is gone. */
  close(): Promise<void>
}

export interface Transport {
  /** For the start line. */
  readonly name: string
  /** Rejects where the address cannot be had (`code` is then the system's, as `EADDRINUSE`), or with `TlsRefused`. */
  listen(host: string, port: number, limits: Limits, app: App, tls?: TlsFiles | null): Promise<Listening>
}
