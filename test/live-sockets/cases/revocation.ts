/** The end of a session reaches its sockets: all of them, no others, and nothing gets through in between. */
import { expect } from 'vitest'
import { type Case, need, type Session, type System } from '../adapter.ts'
import { answers, closes, enter, notServed, refused, show, within, withSessions } from './checks.ts'

const CROWD = 300
/** Sockets that are opened at once. */
const BATCH = 50

/** A person is gone or may not act: the sockets, and what is tried after. */
const personEnds = async (system: System, end: 'deactivated' | 'removed'): Promise<undefined> => {
  const act = need(end === 'deactivated' ? system.deactivate : system.remove)
  const [first, second] = (await withSessions(system, 2)) as [Session, Session]
  const lives = [await enter(system, first.token), await enter(system, second.token)]
  const [other] = (await withSessions(system, 1)) as [Session]
  const stranger = await enter(system, other.token)
  await act(first.person)
  for (const live of lives) await notServed(live.ask(), `a socket whose person was ${end} is served`)
  for (const live of lives) await closes(system, live, end, `a socket whose person was ${end}`)
  await refused(system, first.token, `a token of somebody who was ${end}`)
  await answers(stranger.ask(), 'served', 'somebody else')
  return undefined
}

export const revocation: readonly Case[] = [
  {
    id: 'V1',
    claim:
      'with the acknowledgement of a revocation no socket of the session is served, and all are closed; others go on',
    guards:
      'The commonest one: a revoked session whose sockets stay open (https://github.com/home-assistant/core/issues/56760, https://github.com/nats-io/nats-server/issues/5477).',
    run: async (system) => {
      const revoke = need(system.revoke)
      const [ended, kept] = (await withSessions(system, 2)) as [Session, Session]
      const ending = [
        await enter(system, ended.token),
        await enter(system, ended.token),
        await enter(system, ended.token),
      ]
      const staying = await enter(system, kept.token)
      await answers(ending[0]!.ask(), 'served', 'before the revocation')
      await revoke(ended)
      for (const live of ending) await notServed(live.ask(), 'a socket is served after the acknowledgement')
      for (const live of ending) await closes(system, live, 'revoked', 'a socket of the session')
      await answers(staying.ask(), 'served', 'another session of the same person')
      return undefined
    },
  },
  {
    id: 'V2',
    claim: 'with the acknowledgement the tokens of the session let nobody in, and nothing refreshes them',
    guards: 'A list of good tokens in memory that a revocation does not reach.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const session = await system.logIn(person, { refreshes: true })
      // Known and warm when it is revoked.
      await (await enter(system, session.token)).hangUp()
      await revoke(session)
      await refused(system, session.token, 'a token of a revoked session')
      expect(await need(system.refresh)(session, session.secret!), 'a refresh of a revoked session').toBe('refused')
      return undefined
    },
  },
  {
    id: 'V3',
    claim: 'who ends their own session is told that it is done, and closed then',
    guards: 'A client that cannot tell whether it is logged out, or only lost its connection.',
    run: async (system) => {
      const [session, other] = (await withSessions(system, 2)) as [Session, Session]
      const [live, sibling] = [await enter(system, session.token), await enter(system, session.token)]
      const staying = await enter(system, other.token)
      const told = need(live.endOwnSession)()
      await answers(told, 'served', 'the end of one’s own session')
      await closes(system, live, 'revoked', 'the socket that asked')
      await closes(system, sibling, 'revoked', 'another socket of that session')
      await answers(staying.ask(), 'served', 'another session of the same person')
      return undefined
    },
  },
  {
    id: 'V4',
    claim: 'what was sent behind the end of one’s own session, in the same breath, is not served',
    guards: 'A queue of commands that is worked off after the decision to close.',
    run: async (system) => {
      const [session] = (await withSessions(system, 1)) as [Session]
      const live = await enter(system, session.token)
      const [, ...behind] = [need(live.endOwnSession)(), live.ask(), live.askWithRight(), live.ask()]
      for (const answer of behind) await answers(answer, 'gone', 'sent behind the end of the session')
      await closes(system, live, 'revoked', 'the socket')
      await refused(system, session.token, 'its token')
      return undefined
    },
  },
  {
    id: 'V5',
    claim: 'nothing is pushed to a socket after the acknowledgement of its revocation',
    guards: 'A fan-out that keeps its own list of receivers, and sends on to whoever has not hung up.',
    run: async (system) => {
      const [revoke, push] = [need(system.revoke), need(system.push)]
      const [ended, kept] = (await withSessions(system, 2)) as [Session, Session]
      const [live, witness] = [await enter(system, ended.token), await enter(system, kept.token)]
      for (const one of [live, witness]) await answers(need(one.listen)(), 'served', 'a subscription')
      const before = await push()
      await answers(live.ask(), 'served', 'before the revocation')
      // Others are under way while it is revoked: those may be heard or not.
      const meanwhile = Promise.all([push(), push(), push()])
      await revoke(ended)
      await meanwhile
      const after = [await push(), await push()]
      await answers(witness.ask(), 'served', 'another session')
      expect(witness.heard, 'what another session heard').toEqual(expect.arrayContaining([before, ...after]))
      await closes(system, live, 'revoked', 'the revoked socket')
      expect(live.heard, 'what was pushed before the revocation').toContain(before)
      expect(
        live.heard.filter((mark) => after.includes(mark)),
        'what was pushed after the acknowledgement',
      ).toEqual([])
      return undefined
    },
  },
  {
    id: 'V6',
    claim: 'a person who is deactivated loses every socket, and comes in with no token',
    guards: 'Sockets that know their session and not whose it is.',
    run: (system) => personEnds(system, 'deactivated'),
  },
  {
    id: 'V7',
    claim: 'a person who is removed loses every socket, and comes in with no token',
    guards: 'A removal that takes a shorter way than a revocation, past whatever closes sockets.',
    run: (system) => personEnds(system, 'removed'),
  },
  {
    id: 'V8',
    claim: 'a crowd of 300 sockets of one session is ended whole, and others are served meanwhile',
    guards: 'Closing that is done piece by piece and stops at the first socket that makes trouble.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const [ended, kept] = (await withSessions(system, 2)) as [Session, Session]
      const staying = await enter(system, kept.token)
      const crowd = []
      for (let i = 0; i < CROWD; i += BATCH) {
        crowd.push(...(await Promise.all(Array.from({ length: BATCH }, () => enter(system, ended.token)))))
      }
      const begin = performance.now()
      const revoked = revoke(ended)
      await answers(staying.ask(), 'served', 'another session, while the crowd is ended')
      await revoked
      await Promise.all(
        crowd.map((live) => notServed(live.ask(), 'one of the crowd is served after the acknowledgement')),
      )
      await Promise.all(crowd.map((live) => closes(system, live, 'revoked', 'one of the crowd')))
      return `${CROWD} closed ${Math.round(performance.now() - begin)} ms after the command`
    },
  },
  {
    id: 'V9',
    claim: 'revoked twice, or when its socket has gone already, is not an error, and harms nobody',
    guards: 'A count or an index that goes wrong when something is ended that has ended.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const [first, kept] = (await withSessions(system, 2)) as [Session, Session]
      const staying = await enter(system, kept.token)
      const live = await enter(system, first.token)
      const gone = live.hangUp()
      await within(Promise.all([revoke(first), revoke(first), gone]), 5000, 'two revocations and a close')
      await revoke(first)
      await answers(staying.ask(), 'served', 'another session')
      const late = await show(system, first.token)
      expect(await within(late.admitted, 5000, 'its token'), 'its token is let in').toBe(false)
      return undefined
    },
  },
]
