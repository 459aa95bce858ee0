/** How the sockets of each system are spoken: what a client says to be let in, and what it asks then. */

export interface Dialect {
  readonly path: string
  /** A WebSocket sub-protocol that has to be offered. */
  readonly protocol?: string
  /** Messages that the server says before it is asked. */
  readonly greetings: number
  /** What is said to be let in. */
  auth(token: string): string
  /** What stands in the answer that lets it in. */
  readonly welcome: string
  /** A command that costs the server as little as it has, with an id that rises. */
  command(id: number): string
  /** Another one, which says whose socket it is; null where there is none. */
  readonly currentUser: ((id: number) => string) | null
  /** Goes on with another token on the open socket; null where that cannot be. */
  readonly renew: ((id: number, token: string) => string) | null
  /** Refreshes over the socket; null where that cannot be. */
  readonly refresh: ((id: number, refreshToken: string, clientId: string) => string) | null
  /** What stands in no answer that is a good one. */
  readonly failure: string
}

const homeAssistant: Dialect = {
  path: '/api/websocket',
  greetings: 1,
  auth: (token) => JSON.stringify({ type: 'auth', access_token: token }),
  welcome: '"auth_ok"',
  command: (id) => `{"id":${id},"type":"ping"}`,
  currentUser: (id) => `{"id":${id},"type":"auth/current_user"}`,
  renew: null,
  refresh: null,
  failure: '"success":false',
}

const latchkey: Dialect = {
  ...homeAssistant,
  renew: (id, token) => `{"id":${id},"type":"auth/renew","access_token":"${token}"}`,
  refresh: (id, token, client) =>
    `{"id":${id},"type":"auth/token","grant_type":"refresh_token","refresh_token":"${token}","client_id":"${client}"}`,
}

/** Centrifugo's JSON protocol, unidirectional commands: `connect` with a JWT, then `ping`-like RPC-less `presence` is not free, so `send`. */
const centrifugo: Dialect = {
  path: '/connection/websocket',
  greetings: 0,
  auth: (token) => JSON.stringify({ id: 1, connect: { token } }),
  welcome: '"connect"',
  command: (id) => `{"id":${id + 1},"rpc":{"method":"ping"}}`,
  currentUser: null,
  renew: (id, token) => `{"id":${id + 1},"refresh":{"token":"${token}"}}`,
  refresh: null,
  // An RPC without a handler is answered with an error, which costs no less than an answer.
  failure: '"disconnect"',
}

export const dialects = { latchkey, homeAssistant, centrifugo } as const

export type DialectName = keyof typeof dialects
