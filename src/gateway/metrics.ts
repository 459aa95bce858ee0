/** What is counted, as Prometheus text. */
import { Counter, Gauge, type Registry } from 'prom-client'

export interface Metrics {
  /** `path`: known without a look-up, looked up, or refused before that. */
  authenticated(outcome: 'ok' | 'refused', path: 'cached' | 'looked_up' | 'none'): void
  closed(code: number): void
  login(outcome: 'ok' | 'refused'): void
  token(grant: 'authorization_code' | 'refresh_token', outcome: 'ok' | 'refused'): void
  http(status: number): void
  /** A handshake found no room. */
  crowded(why: string): void
  /** Prometheus text, and its content type. */
  read(): Promise<{ text: string; type: string }>
}

export interface Gauges {
  sockets(): number
  unauthenticated(): number
  /** Bytes that wait for slow readers. */
  backlog(): number
  hashQueue(): number
}

/** What every socket or request counts by a code: plain numbers, which are told to the library when somebody reads. */
const createTally = (name: string, help: string, label: string, registers: Registry[]): ((code: number) => void) => {
  const counts = new Map<number, number>()
  new Counter({
    name,
    help,
    labelNames: [label],
    registers,
    collect() {
      for (const [code, count] of counts) this.labels(String(code)).inc(count)
      counts.clear()
    },
  })
  return (code) => {
    counts.set(code, (counts.get(code) ?? 0) + 1)
  }
}

/** A registry for each gateway, so that several live in one process. */
export const createMetrics = (registry: Registry, gauges: Gauges): Metrics => {
  const registers = [registry]
  // As a tally.
  let cached = 0
  let refreshed = 0
  const authentications = new Counter({
    name: 'latchkey_socket_authentications_total',
    help: 'Sockets that presented a token, by outcome and by whether the token was known.',
    labelNames: ['outcome', 'path'],
    registers,
    collect() {
      this.labels('ok', 'cached').inc(cached)
      cached = 0
    },
  })
  const closed = createTally('latchkey_socket_closes_total', 'Sockets that ended, by close code.', 'code', registers)
  const logins = new Counter({
    name: 'latchkey_logins_total',
    help: 'Login steps with a password, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const tokens = new Counter({
    name: 'latchkey_token_requests_total',
    help: 'Requests at the token endpoint, by grant type and outcome.',
    labelNames: ['grant_type', 'outcome'],
    registers,
    collect() {
      this.labels('refresh_token', 'ok').inc(refreshed)
      refreshed = 0
    },
  })
  const http = createTally('latchkey_http_requests_total', 'HTTP requests, by status.', 'status', registers)
  new Gauge({
    name: 'latchkey_sockets',
    help: 'Authenticated sockets that are open.',
    registers,
    collect() {
      this.set(gauges.sockets())
    },
  })
  const crowded = new Counter({
    name: 'latchkey_sockets_refused_total',
    help: 'Handshakes that found no room, by which bound was met.',
    labelNames: ['bound'],
    registers,
  })
  new Gauge({
    name: 'latchkey_sockets_unauthenticated',
    help: 'Open sockets that have not authenticated yet.',
    registers,
    collect() {
      this.set(gauges.unauthenticated())
    },
  })
  new Gauge({
    name: 'latchkey_backlog_bytes',
    help: 'Bytes that wait for peers which read slowly.',
    registers,
    collect() {
      this.set(gauges.backlog())
    },
  })
  new Gauge({
    name: 'latchkey_hash_queue',
    help: 'Password checks that wait for their turn.',
    registers,
    collect() {
      this.set(gauges.hashQueue())
    },
  })
  return {
    authenticated: (outcome, path) => {
      if (outcome === 'ok' && path === 'cached') cached++
      else authentications.labels(outcome, path).inc()
    },
    closed,
    login: (outcome) => logins.labels(outcome).inc(),
    token: (grant, outcome) => {
      if (grant === 'refresh_token' && outcome === 'ok') refreshed++
      else tokens.labels(grant, outcome).inc()
    },
    http,
    crowded: (why) => crowded.labels(why).inc(),
    read: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  }
}
