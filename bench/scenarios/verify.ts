/** `GET /auth/verify`, as a proxy asks about every request of a page. */
import type { Scenario } from '../scenario.ts'
import { httpContest } from './http-contest.ts'

export const verify: Scenario = {
  name: 'verify',
  doc: 'GET /auth/verify with a bearer token',
  run: (bench) =>
    httpContest(bench, 'GET /auth/verify', {}, ({ dialect, sessions: { tokens } }) =>
      dialect === 'latchkey'
        ? tokens.map((token) => ({
            method: 'GET',
            path: '/auth/verify',
            headers: { authorization: `Bearer ${token}` },
          }))
        : null,
    ),
}
