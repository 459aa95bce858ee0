/** What an operator's tools ask, on a listener of its own: is it alive, is it ready, what has it counted. */
import { json, type Route } from './http.ts'
import type { Metrics } from './metrics.ts'

export const healthRoutes = (metrics: Metrics, state: () => 'ready' | 'draining' | 'degraded'): readonly Route[] => [
  { method: 'GET', path: '/healthz', handle: () => json(200, { status: 'ok' }) },
  {
    method: 'GET',
    path: '/readyz',
    handle: () => json(state() === 'ready' ? 200 : 503, { status: state() }),
  },
  {
    method: 'GET',
    path: '/metrics',
    handle: async () => {
      const { text, type } = await metrics.read()
      return { status: 200, headers: { 'content-type': type }, body: text }
    },
  },
]
