/** Commands on sockets that are open, one at a time and sixteen. */
import type { Finding, Scenario } from '../scenario.ts'
import { contest } from './contest.ts'

const SOCKETS = 100

export const command: Scenario = {
  name: 'command',
  doc: 'ping, and who am I, on 100 open sockets, one and sixteen under way at once',
  run: async (bench) => {
    const findings: Finding[] = []
    for (const depth of [1, 16]) {
      findings.push(
        ...(await contest(bench, {
          title: `ping, ${depth} under way on each of ${SOCKETS} sockets`,
          work: ({ sessions: { tokens } }) => ({ kind: 'ask', question: 'command', tokens, sockets: SOCKETS, depth }),
          openAt: depth === 1 ? [0.25] : [],
        })),
      )
      await bench.end()
    }
    findings.push(
      ...(await contest(bench, {
        title: `auth/current_user, 1 under way on each of ${SOCKETS} sockets`,
        work: ({ sessions: { tokens } }, dialect) =>
          dialect.currentUser === null
            ? null
            : { kind: 'ask', question: 'currentUser', tokens, sockets: SOCKETS, depth: 1 },
      })),
    )
    return findings
  },
}
