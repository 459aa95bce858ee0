/** A socket that goes on with another token: whose it is then, how long it lives, and what it may. */
import { expect } from 'vitest'
import { type Case, type Live, need, type Session, type System } from '../adapter.ts'
import { answers, closes, enter, newcomer, pass, Race, ROUNDS, Tally, within, withSessions } from './checks.ts'

const RENEWALS = 5

const renew = (live: Live, token: string) => need(live.renew)(token)

/** A further token of a session that does not rotate. */
const further = async (system: System, session: Session): Promise<string> => {
  const refreshed = await need(system.refresh)(session, session.secret!)
  expect(refreshed, 'a refresh').toHaveProperty('token')
  return (refreshed as { token: string }).token
}

export const renewal: readonly Case[] = [
  {
    id: 'R1',
    lifetime: 'token',
    claim: 'each of five renewals moves the end of the socket, and the last one is met',
    guards:
      'A timer that is armed at the handshake alone, so that a renewed socket falls at its first deadline (https://github.com/emqx/emqx/pull/18618); or one that is never armed again.',
    run: async (system) => {
      const { tokenLifeMs, toleranceMs } = system.time
      const { session } = await newcomer(system)
      const live = await enter(system, session.token)
      need(live.renew)
      for (let i = 1; i <= RENEWALS; i++) {
        await pass(system, tokenLifeMs * 0.7)
        await answers(renew(live, await further(system, session)), 'served', `renewal ${i}`)
      }
      await pass(system, tokenLifeMs - 3 * toleranceMs)
      await answers(live.ask(), 'served', 'before the end of the last token')
      await pass(system, 4 * toleranceMs)
      await closes(system, live, 'expired', 'a socket whose last token has ended')
      return undefined
    },
  },
  {
    id: 'R2',
    lifetime: 'token',
    claim: 'a renewal with a token that ends sooner brings the end nearer',
    guards: 'An end that only ever moves forward: whoever was given less time keeps more.',
    run: async (system) => {
      const { tokenLifeMs, toleranceMs } = system.time
      const { session } = await newcomer(system)
      const sooner = session.token
      await pass(system, tokenLifeMs / 2)
      const live = await enter(system, await further(system, session))
      await answers(renew(live, sooner), 'served', 'a renewal with the older token')
      await pass(system, tokenLifeMs / 2 - 3 * toleranceMs)
      await answers(live.ask(), 'served', 'before the end of the older token')
      await pass(system, 4 * toleranceMs)
      await closes(system, live, 'expired', 'a socket whose older token has ended')
      return undefined
    },
  },
  {
    id: 'R3',
    lifetime: 'token',
    claim: 'a renewal that is refused changes nothing: the socket is served, and its own end stands',
    guards:
      'A refresh that failed and still was applied, which left a subscription without any end (https://github.com/centrifugal/centrifuge/pull/627).',
    run: async (system) => {
      const { tokenLifeMs, toleranceMs } = system.time
      const { person, session } = await newcomer(system)
      const other = await system.logIn(person, { refreshes: true })
      await need(system.revoke)(other)
      const live = await enter(system, session.token)
      for (const bad of ['nonsense', other.token, `${session.token}x`]) {
        await answers(renew(live, bad), 'denied', 'a renewal with a bad token')
      }
      await answers(live.ask(), 'served', 'after renewals that were refused')
      await pass(system, tokenLifeMs - 3 * toleranceMs)
      await answers(renew(live, other.token), 'denied', 'a renewal with a bad token')
      await answers(live.ask(), 'served', 'before its own end')
      await pass(system, 4 * toleranceMs)
      await closes(system, live, 'expired', 'a socket at its own end')
      return undefined
    },
  },
  {
    id: 'R4',
    claim: 'nobody becomes somebody else: a renewal with another person’s token is refused, and the socket is unharmed',
    guards: 'Subscriptions and state of the one, read on with the rights of the other.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const [ann, bob] = [await newcomer(system), await newcomer(system)]
      const live = await enter(system, ann.session.token)
      await answers(renew(live, bob.session.token), 'denied', 'a renewal with the token of somebody else')
      expect(await need(live.whoAmI)(), 'the person of the socket').toBe(ann.person.id)
      await revoke(bob.session)
      await answers(live.ask(), 'served', 'after the end of the other person’s session')
      await revoke(ann.session)
      await closes(system, live, 'revoked', 'a socket whose own session has ended')
      return undefined
    },
  },
  {
    id: 'R5',
    claim:
      'a renewed socket lives with the new session: the end of the old one leaves it alone, that of the new one closes it',
    guards:
      'An index of sockets that is filled at the handshake alone: a log-out then closes the wrong sockets, or none.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const [first, second, third] = (await withSessions(system, 3)) as [Session, Session, Session]
      const live = await enter(system, first.token)
      await answers(renew(live, second.token), 'served', 'a renewal with another session')
      await revoke(first)
      await answers(live.ask(), 'served', 'after the end of the session before')
      await answers(renew(live, third.token), 'served', 'a second renewal')
      await revoke(second)
      await answers(live.ask(), 'served', 'after the end of the second session')
      await revoke(third)
      await closes(system, live, 'revoked', 'a socket whose session has ended')
      return undefined
    },
  },
  {
    id: 'R6',
    claim: 'a renewal does not bring back a right that was taken away, whatever the token says',
    guards:
      'Rights that are read once, or out of the token: a live refresh that keeps what was revoked (https://github.com/rabbitmq/rabbitmq-server/pull/16092).',
    run: async (system) => {
      const lower = need(system.lower)
      const [first, second] = (await withSessions(system, 2)) as [Session, Session]
      const live = await enter(system, first.token)
      await answers(live.askWithRight(), 'served', 'while it has the right')
      await lower(first.person)
      await answers(renew(live, second.token), 'served', 'a renewal with a token from before')
      await answers(live.askWithRight(), 'denied', 'after the renewal')
      await answers(live.ask(), 'served', 'what everybody may have')
      return undefined
    },
  },
  {
    id: 'R7',
    claim: 'a subscription goes on through a renewal, and nothing that was under way notices',
    guards: 'A renewal that is a reconnect in disguise, with a gap in which pushes are lost.',
    run: async (system) => {
      const push = need(system.push)
      const [first, second] = (await withSessions(system, 2)) as [Session, Session]
      const live = await enter(system, first.token)
      await answers(need(live.listen)(), 'served', 'a subscription')
      const asked = live.ask()
      const renewed = renew(live, second.token)
      const marks = [await push()]
      await answers(asked, 'served', 'what was asked before')
      await answers(renewed, 'served', 'the renewal')
      marks.push(await push())
      await answers(live.ask(), 'served', 'afterwards')
      expect(live.heard).toEqual(marks)
      return undefined
    },
  },
  {
    id: 'R8',
    claim:
      'of twenty renewals at once, between two sessions, each is answered, and the socket ends with one of the two',
    guards: 'A socket that is left in the index of a session that it has gone from, or in none.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const tally = new Tally()
      for (let round = 0; round < Math.ceil(ROUNDS / 8); round++) {
        const both = (await withSessions(system, 2)) as [Session, Session]
        const live = await enter(system, both[0].token)
        need(live.renew)
        // A token that was seen before is judged in another way than one that was not.
        if (round % 2 === 0) await (await enter(system, both[1].token)).hangUp()
        const asked = Array.from({ length: 20 }, () => both[Math.random() < 0.5 ? 0 : 1])
        const told = await within(Promise.all(asked.map(({ token }) => renew(live, token))), 5000, 'twenty renewals')
        expect(new Set(told), 'what the renewals were told').toEqual(new Set(['served']))
        await revoke(both[0])
        const stays = (await live.ask()) === 'served'
        tally.add(stays ? 'on the second session' : 'on the first')
        if (stays) await revoke(both[1])
        await closes(system, live, 'revoked', 'a socket of two sessions that have ended')
      }
      return String(tally)
    },
  },
  {
    id: 'R9',
    claim: 'a renewal while rights are changed leaves a socket that is served, by the new rights',
    guards: 'A socket that waits for a judgement which is given to the session that it has gone from.',
    run: async (system) => {
      const [lower, raise] = [need(system.lower), need(system.raise)]
      const person = await system.person()
      const session = await system.logIn(person)
      let live = await enter(system, session.token)
      need(live.renew)
      const race = new Race()
      for (let round = 0; round < ROUNDS; round++) {
        const next = await system.logIn(person)
        const [renewed] = await race.run(
          () => within(renew(live, next.token), 5000, 'a renewal'),
          () => (round % 2 === 0 ? lower : raise)(person),
        )
        expect(renewed, 'a renewal while rights are changed').toBe('served')
        await answers(live.askWithRight(), round % 2 === 0 ? 'denied' : 'served', 'after both')
        await answers(live.ask(), 'served', 'what everybody may have')
        if (round % 10 === 9) {
          await live.hangUp()
          live = await enter(system, next.token)
        }
      }
      return undefined
    },
  },
  {
    id: 'R10',
    lifetime: 'token',
    claim:
      'a renewal that meets the end of the token is done and the socket lives on, or it is closed: it is never both',
    guards: 'An end that was decided, waits in a queue, and is carried out on a socket that has been renewed.',
    run: async (system) => {
      const { tokenLifeMs, toleranceMs, longestMs } = system.time
      const { session } = await newcomer(system)
      const [race, tally] = [new Race(), new Tally()]
      for (let round = 0; round < (longestMs === Number.POSITIVE_INFINITY ? ROUNDS : 3); round++) {
        const live = await enter(system, await further(system, session))
        need(live.renew)
        await pass(system, tokenLifeMs - 2 * toleranceMs)
        const next = await further(system, session)
        const [renewed] = await race.run(
          () => within(renew(live, next), 5000, 'a renewal'),
          () => pass(system, 3 * toleranceMs),
        )
        if (renewed === 'served') {
          await answers(live.ask(), 'served', 'a socket that was renewed in time')
          await live.hangUp()
          tally.add('renewed')
        } else {
          expect(renewed, 'a renewal that came too late').toBe('gone')
          await closes(system, live, 'expired', 'a socket whose renewal came too late')
          tally.add('closed before')
        }
      }
      return String(tally)
    },
  },
]
