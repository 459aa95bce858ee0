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

/** Centrifugo's JSON protocol. It asks clients whether they are there, and not the other way round: an RPC is its least answer. */
const centrifugo: Dialect = {
  path: '/connection/websocket',
  greetings: 0,
  auth: (token) => JSON.stringify({ id: 1, connect: { token } }),
  welcome: '"connect"',
  command: (id) => `{"id":${id + 1},"rpc":{"method":"ping"}}`,
  currentUser: null,
  renew: (id, token) => `{"id":${id + 1},"refresh":{"token":"${token}"}}`,
  refresh: null,
  // An RPC that nobody handles is answered with an error, which costs no less than an answer.
  failure: '"disconnect"',
}

/** Engine.IO 4 and Socket.IO 5 on a WebSocket from the first: the default namespace, and an event that wants to be acknowledged. */
const socketIo: Dialect = {
  path: '/socket.io/?EIO=4&transport=websocket',
  greetings: 1,
  auth: (token) => `40${JSON.stringify({ token })}`,
  welcome: '40{',
  command: (id) => `42${id}["ping"]`,
  currentUser: null,
  renew: null,
  refresh: null,
  failure: '44{',
}

/** The sub-protocol graphql-transport-ws. */
const graphqlWs: Dialect = {
  path: '/graphql',
  protocol: 'graphql-transport-ws',
  greetings: 0,
  auth: (token) => JSON.stringify({ type: 'connection_init', payload: { token } }),
  welcome: 'connection_ack',
  command: () => '{"type":"ping"}',
  currentUser: null,
  renew: null,
  refresh: null,
  failure: '"error"',
}

/** The NATS client protocol, a line in each message. */
const nats: Dialect = {
  path: '/',
  greetings: 1,
  auth: (token) =>
    `CONNECT ${JSON.stringify({ auth_token: token, verbose: true, pedantic: false, lang: 'bench', version: '1' })}\r\n`,
  welcome: '+OK',
  command: () => 'PING\r\n',
  currentUser: null,
  renew: null,
  refresh: null,
  failure: '-ERR',
}

export const dialects = { latchkey, homeAssistant, centrifugo, socketIo, graphqlWs, nats } as const

export type DialectName = keyof typeof dialects
