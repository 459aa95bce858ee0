/** Many that refresh one session at once, and somebody who refreshes with what is not theirs. */
import { expect } from 'vitest'
import { type Case, need, type Refreshed } from '../adapter.ts'
import { answers, closes, enter, newcomer, pass, refused } from './checks.ts'

const CALLERS = 20

const isGiven = (refreshed: Refreshed): refreshed is Exclude<Refreshed, string> => typeof refreshed === 'object'

export const refresh: readonly Case[] = [
  {
    id: 'F1',
    claim: 'twenty that refresh at once, without rotation, each get a token that lets them in',
    guards: 'A race of two tabs that logs both out.',
    run: async (system) => {
      const again = need(system.refresh)
      const { session } = await newcomer(system)
      const all = await Promise.all(Array.from({ length: CALLERS }, () => again(session, session.secret!)))
      expect(
        all.filter((one) => !isGiven(one)),
        'refreshes without a token',
      ).toEqual([])
      for (const { token } of all.filter(isGiven)) {
        await answers((await enter(system, token)).ask(), 'served', 'a socket with such a token')
      }
      return undefined
    },
  },
  {
    id: 'F2',
    claim:
      'of twenty that refresh a rotating token at once none loses the session: there is one successor, and it goes on',
    guards: 'Rotation that takes every race for a theft, and logs out whoever has two tabs or a bad network.',
    run: async (system) => {
      const [logIn, again] = [need(system.logInRotating), need(system.refresh)]
      const session = await logIn(await system.person())
      const live = await enter(system, session.token)
      const all = await Promise.all(Array.from({ length: CALLERS }, () => again(session, session.secret!)))
      expect(all, 'refreshes at once').not.toContain('refused')
      const given = all.filter(isGiven)
      expect(new Set(given.map(({ secret }) => secret)).size, 'successors').toBe(1)
      for (const { token } of given)
        await answers((await enter(system, token)).ask(), 'served', 'a socket with its token')
      await answers(live.ask(), 'served', 'the socket from before')
      const later = await again(session, given[0]!.secret)
      expect(isGiven(later), 'the next refresh').toBe(true)
      return `${given.length} got it, ${CALLERS - given.length} were told to come again`
    },
  },
  {
    id: 'F3',
    claim: 'a rotated token that is used again later ends the session and its sockets',
    guards: 'A stolen refresh token that serves thief and owner side by side.',
    run: async (system) => {
      const [logIn, again] = [need(system.logInRotating), need(system.refresh)]
      const session = await logIn(await system.person())
      const second = await again(session, session.secret!)
      if (!isGiven(second)) throw new Error(`a refresh: ${second}`)
      await pass(system, system.promises.reuseWindowMs + system.time.toleranceMs)
      const next = await again(session, second.secret)
      if (!isGiven(next)) throw new Error(`a refresh: ${next}`)
      const live = await enter(system, next.token)
      expect(await again(session, session.secret!), 'a token that was used before').toBe('refused')
      await closes(system, live, 'reused', 'a socket of a session whose token was used twice')
      expect(await again(session, next.secret), 'its successor').toBe('refused')
      await refused(system, next.token, 'a token of the session')
      return undefined
    },
  },
  {
    id: 'F4',
    claim: 'a refresh closes no socket of its session and opens none: the token before is good for its own time',
    guards: 'A rotation that throws out whoever came in with the token before.',
    run: async (system) => {
      const again = need(system.refresh)
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      for (let i = 0; i < 3; i++) expect(isGiven(await again(session, session.secret!)), 'a refresh').toBe(true)
      await answers(live.ask(), 'served', 'a socket from before the refreshes')
      await answers((await enter(system, session.token)).ask(), 'served', 'a new socket with the token before')
      return undefined
    },
  },
]
