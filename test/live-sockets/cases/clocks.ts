/** Clocks that do not agree, and clocks that are set. */
import { type Case, need } from '../adapter.ts'
import { answers, closes, enter, newcomer, pass, refused } from './checks.ts'

const HOUR_MS = 3_600_000

export const clocks: readonly Case[] = [
  {
    id: 'S1',
    claim: 'a token from a clock that is a little ahead is good, as far as the leeway goes',
    guards: 'Two machines half a second apart, and every token refused that is used at once.',
    run: async (system) => {
      const fromAhead = need(system.tokenFromAhead)
      const { session } = await newcomer(system)
      const live = await enter(system, await fromAhead(session, system.promises.leewayMs * 0.6))
      await answers(live.ask(), 'served', 'a socket with a token from a little ahead')
      return undefined
    },
  },
  {
    id: 'S2',
    claim: 'a token from a clock that is far ahead is refused until its time has come',
    guards: 'A token that is good for longer than anybody may give one.',
    run: async (system) => {
      const fromAhead = need(system.tokenFromAhead)
      const { session } = await newcomer(system)
      const { leewayMs } = system.promises
      const token = await fromAhead(session, 6 * leewayMs)
      await refused(system, token, 'a token from far ahead')
      await pass(system, 6 * leewayMs)
      const live = await enter(system, token)
      await answers(live.ask(), 'served', 'a socket when the time of its token has come')
      return undefined
    },
  },
  {
    id: 'S3',
    lifetime: 'token',
    claim: 'a wall clock that is set, forward or back, neither ends an open socket early nor lets it live on',
    guards: 'Ends that are counted on a clock which people and time servers set.',
    run: async (system) => {
      const set = need(system.time.set)
      const { tokenLifeMs, toleranceMs } = system.time
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      for (const jump of [HOUR_MS, -2 * HOUR_MS]) {
        set(jump)
        await pass(system, tokenLifeMs / 3)
        await answers(live.ask(), 'served', 'after the clock was set')
      }
      await pass(system, tokenLifeMs / 3 + toleranceMs)
      await closes(system, live, 'expired', 'a socket whose token has ended')
      return undefined
    },
  },
  {
    id: 'S4',
    claim: 'a revocation holds when the clock is set back behind it',
    guards: 'Revocations that are kept as "no token from before this instant".',
    run: async (system) => {
      const [set, revoke] = [need(system.time.set), need(system.revoke)]
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      await revoke(session)
      await closes(system, live, 'revoked', 'a socket of a revoked session')
      set(-5000)
      await refused(system, session.token, 'a token of a revoked session')
      return undefined
    },
  },
]
