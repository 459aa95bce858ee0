/** The least that a server does for the same exchange: baselines, each a process of its own. */
import { fileURLToPath } from 'node:url'
import { pin, startProcess } from '../process.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from './bare-server.ts'

export type BareLibrary = 'uws' | 'ws'

/** What is answered is as long as what a gateway answers. */
export const bareAnswers = (reply: string): BareAnswers => ({
  greeting: '{"type":"auth_required","ha_version":"2025.6.3","latchkey":1}',
  welcome: '{"type":"auth_ok","ha_version":"2025.6.3"}',
  reply,
  headers: {
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'content-type': 'application/json',
    'cache-control': 'no-store',
    pragma: 'no-cache',
  },
  body: '',
  ends: 0,
})

const SESSIONS = 200

export const PONG = '{"id":100000,"type":"pong"}'

/** Rejects where the library cannot be loaded on this machine. */
export const startBare = async (library: BareLibrary, answers: BareAnswers, core: string | null): Promise<Target> => {
  const server = fileURLToPath(new URL('./bare-server.js', import.meta.url))
  const started = await startProcess(process.execPath, [server, library, JSON.stringify(answers)])
  if (core !== null) pin(started.pid, core)
  return {
    name: `bare ${library === 'uws' ? 'uWebSockets.js' : 'ws'}`,
    url: String(started.line['url']),
    dialect: 'latchkey',
    pid: started.pid,
    // As many as a gateway's load has: to send different requests in turn costs the load something.
    sessions: {
      tokens: Array.from({ length: SESSIONS }, () => 'x'.repeat(183)),
      refreshTokens: Array.from({ length: SESSIONS }, () => 'x'.repeat(60)),
      clientId: 'http://127.0.0.1:8123/',
    },
    unseen: (count) => Array.from({ length: count }, () => 'x'.repeat(183)),
    login: null,
    crash: null,
    stop: () => started.stop('SIGKILL'),
  }
}
