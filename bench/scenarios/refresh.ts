/** Refreshing an access token, over HTTP and over the socket. */
import type { Finding, Scenario } from '../scenario.ts'
import { contest } from './contest.ts'
import { httpContest } from './http-contest.ts'

const SOCKETS = 100
const TOKEN = 'x'.repeat(183)
const BODY = JSON.stringify({ access_token: TOKEN, token_type: 'Bearer', expires_in: 1800 })

export const refresh: Scenario = {
  name: 'refresh',
  doc: 'a refresh token for an access token, over HTTP and on an open socket',
  run: async (bench) => {
    const overHttp = await httpContest(
      bench,
      'POST /auth/token, refresh',
      { body: BODY },
      ({ sessions: { refreshTokens, clientId }, tokenPath = '/auth/token' }) =>
        refreshTokens === undefined
          ? null
          : refreshTokens.map((token) => ({
              method: 'POST',
              path: tokenPath,
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              body: new URLSearchParams({
                grant_type: 'refresh_token',
                client_id: clientId ?? '',
                refresh_token: token,
              }).toString(),
            })),
    )
    await bench.end()
    const findings: Finding[] = [...overHttp]
    findings.push(
      ...(await contest(bench, {
        title: `refresh over the socket, 1 under way on each of ${SOCKETS} sockets`,
        answers: { reply: `{"id":100000,"type":"result","success":true,"result":${BODY}}` },
        work: ({ sessions }, dialect) =>
          dialect.refresh === null || sessions.refreshTokens === undefined
            ? null
            : { kind: 'ask', question: 'refresh', ...sessions, sockets: SOCKETS, depth: 1 },
      })),
    )
    return findings
  },
}
