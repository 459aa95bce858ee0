/** The client library: for browsers, Node and devices; no dependency at run time. */
export { AbstractAuth, Auth, type Fetch } from './auth.ts'
export { type Authorization, type AuthorizeOptions, authorize, codeFrom } from './authorize.ts'
export type { ClientClock, ClientTimer } from './clock.ts'
export { type Connection, type ConnectionState, type ConnectOptions, connect } from './connect.ts'
export { CommandFailed, ConnectionEnded, SocketClosed, TokenRefused, TokenUnavailable } from './errors.ts'
export {
  ExternalAuth,
  type ExternalOptions,
  type ExternalPayload,
  type ExternalToken,
  type ExternalWindow,
  hasExternalApp,
} from './external.ts'
export { createExternalApp, type ExternalApp, type ExternalAppOptions } from './external-app.ts'
export { type ExchangeOptions, OAuth2Session, type SessionOptions, type Token } from './oauth2.ts'
export {
  type AuthenticatedSocket,
  type BusEvent,
  type CommandsIn,
  type EventOf,
  type OpenOptions,
  openSocket,
  type SubscribeType,
  type WebSocketLike,
} from './socket.ts'
