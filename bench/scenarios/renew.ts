/** Going on with a token on the open socket: rights derived anew, timers armed anew. */
import type { Finding, Scenario } from '../scenario.ts'
import { contest } from './contest.ts'

const SOCKETS = 100
const REPLY = '{"id":100000,"type":"result","success":true,"result":{"expires_in":1799}}'

export const renew: Scenario = {
  name: 'renew',
  doc: 'auth/renew on 100 open sockets, one and sixteen under way at once',
  run: async (bench) => {
    const findings: Finding[] = []
    for (const depth of [1, 16]) {
      findings.push(
        ...(await contest(bench, {
          title: `renew in place, ${depth} under way on each of ${SOCKETS} sockets`,
          answers: { reply: REPLY },
          work: ({ sessions: { tokens } }, dialect) =>
            dialect.renew === null ? null : { kind: 'ask', question: 'renew', tokens, sockets: SOCKETS, depth },
        })),
      )
      await bench.end()
    }
    return findings
  },
}
