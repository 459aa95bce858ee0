/** The client library: for browsers, Node and devices; no dependency at run time. */
export { type AuthenticatedSocket, CommandFailed, type OpenOptions, openSocket, SocketClosed } from './socket.ts'
