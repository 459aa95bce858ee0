/** What the end of a token does to a socket, and what it does not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Case, need, type System } from '../adapter.ts'
import { answers, closes, enter, newcomer, pass, refused } from './checks.ts'

/** A timer that overflows fires at once. */
const AT_ONCE_MS = 1500
/** One day beyond the longest delay of a 32-bit timer. */
const BEYOND_TIMERS_MS = 2 ** 31 + 86_400_000

const longLived = async (system: System) => {
  const { token, lifeMs } = await need(system.longToken)(await system.person())
  return { live: await enter(system, token), lifeMs }
}

export const expiry: readonly Case[] = [
  {
    id: 'E1',
    lifetime: 'token',
    claim: 'a socket is served until its token ends, and is closed then with the code for that',
    guards:
      'Sockets that are judged once, at the handshake, and go on for ever after (https://github.com/emqx/emqx/issues/8799).',
    run: async (system) => {
      const { tokenLifeMs, toleranceMs } = system.time
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      await pass(system, tokenLifeMs - 2 * toleranceMs)
      await answers(live.ask(), 'served', 'before the end of its token')
      await pass(system, 3 * toleranceMs)
      await closes(system, live, 'expired', 'a socket whose token has ended')
      await answers(live.ask(), 'gone', 'after the end of its token')
      return undefined
    },
  },
  {
    id: 'E2',
    lifetime: 'session',
    claim: 'a socket that belongs to a session outlives its token, and goes with the session',
    guards: 'Every client reconnecting at the same minute, because all their tokens were made at the same minute.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      await pass(system, system.time.tokenLifeMs + system.promises.leewayMs + system.time.toleranceMs)
      await refused(system, session.token, 'a token that has ended')
      await answers(live.ask(), 'served', 'a socket whose session goes on')
      await revoke(session)
      await closes(system, live, 'revoked', 'a socket whose session has ended')
      return undefined
    },
  },
  {
    id: 'E3',
    claim: 'a token whose time is over lets nobody in',
    guards: 'A cache of judged tokens that forgets to look at the clock.',
    run: async (system) => {
      await refused(system, await need(system.expiredToken)(await system.person()), 'a token whose time is over')
      return undefined
    },
  },
  {
    id: 'E4',
    rather: 'token',
    claim: 'a token of ten years does not close its socket at once',
    guards:
      'Timers hold 2^31 - 1 ms, or 24.8 days: a longer delay fires at once (https://github.com/feathersjs/feathers/issues/1546).',
    run: async (system) => {
      const { live } = await longLived(system)
      await sleep(AT_ONCE_MS)
      await answers(live.ask(), 'served', 'a socket with a token of ten years')
      return undefined
    },
  },
  {
    id: 'E5',
    lifetime: 'token',
    claim: 'a socket with a token of ten years is there after 25 days, and closed after ten years',
    guards: 'A delay that is cut down to what a timer holds, and taken for the end when it has passed.',
    run: async (system) => {
      const { live, lifeMs } = await longLived(system)
      await pass(system, BEYOND_TIMERS_MS)
      await answers(live.ask(), 'served', 'after 25 days')
      await pass(system, lifeMs - BEYOND_TIMERS_MS - 10 * system.time.toleranceMs)
      await answers(live.ask(), 'served', 'just before ten years')
      await pass(system, 11 * system.time.toleranceMs)
      await closes(system, live, 'expired', 'a socket after ten years')
      return undefined
    },
  },
  {
    id: 'E6',
    claim: 'a socket that shows no token is closed when its time is over',
    guards: 'Half-open sockets that cost a server memory and cost a stranger nothing.',
    run: async (system) => {
      const knock = await system.knock()
      const closed = need(knock.closed)
      await pass(system, system.promises.silentMs + system.time.toleranceMs)
      await closes(system, { closed }, 'silent', 'a socket that shows nothing')
      return undefined
    },
  },
  {
    id: 'E7',
    claim: 'a token that is none is refused with the code for that',
    guards: 'A refusal that a client cannot tell from a lost connection, so that it tries again for ever.',
    run: async (system) => {
      const { session } = await newcomer(system)
      await refused(system, 'nonsense', 'what is no token')
      await refused(system, session.token.slice(0, -3), 'a token that was cut short')
      const last = session.token.at(-10) === 'A' ? 'B' : 'A'
      await refused(
        system,
        `${session.token.slice(0, -10)}${last}${session.token.slice(-9)}`,
        'a token that was changed',
      )
      const live = await enter(system, session.token)
      await answers(live.ask(), 'served', 'the token itself')
      expect(live.heard).toEqual([])
      return undefined
    },
  },
]
