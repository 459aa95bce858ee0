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

const count = (counts: Map<number, number>, of: number): void => {
  counts.set(of, (counts.get(of) ?? 0) + 1)
}

/** A registry for each gateway, so that several live in one process. */
export const createMetrics = (registry: Registry, gauges: Gauges): Metrics => {
  const registers = [registry]
  // What every socket counts is counted as plain numbers, and told to the library when somebody reads.
  let cached = 0
  let refreshed = 0
  const closes = new Map<number, number>()
  const statuses = new Map<number, number>()
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
  new Counter({
    name: 'latchkey_socket_closes_total',
    help: 'Sockets that ended, by close code.',
    labelNames: ['code'],
    registers,
    collect() {
      for (const [code, count] of closes) this.labels(String(code)).inc(count)
      closes.clear()
    },
  })
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
  new Counter({
    name: 'latchkey_http_requests_total',
    help: 'HTTP requests, by status.',
    labelNames: ['status'],
    registers,
    collect() {
      for (const [status, count] of statuses) this.labels(String(status)).inc(count)
      statuses.clear()
    },
  })
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
    closed: (code) => count(closes, code),
    login: (outcome) => logins.labels(outcome).inc(),
    token: (grant, outcome) => {
      if (grant === 'refresh_token' && outcome === 'ok') refreshed++
      else tokens.labels(grant, outcome).inc()
    },
    http: (status) => count(statuses, status),
    crowded: (why) => crowded.labels(why).inc(),
    read: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  }
}
