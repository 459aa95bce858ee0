/** Rights that are lowered and raised under an open socket. */
import { expect } from 'vitest'
import { type Case, need, type Session } from '../adapter.ts'
import { answers, enter, withSessions } from './checks.ts'

export const rights: readonly Case[] = [
  {
    id: 'D1',
    claim: 'a right that is taken away is gone for every open socket with the acknowledgement, and the sockets stay',
    guards: 'Rights that are read at the handshake: they last until the client reconnects.',
    run: async (system) => {
      const lower = need(system.lower)
      const [first, second] = (await withSessions(system, 2)) as [Session, Session]
      const lives = [
        await enter(system, first.token),
        await enter(system, first.token),
        await enter(system, second.token),
      ]
      for (const live of lives) await answers(live.askWithRight(), 'served', 'with the right')
      await lower(first.person)
      for (const live of lives) await answers(live.askWithRight(), 'denied', 'without the right')
      for (const live of lives) await answers(live.ask(), 'served', 'what everybody may have')
      return undefined
    },
  },
  {
    id: 'D2',
    claim: 'a right that is given back is there for every open socket with the acknowledgement',
    guards: 'A refusal that is kept in memory.',
    run: async (system) => {
      const [lower, raise] = [need(system.lower), need(system.raise)]
      const [session] = (await withSessions(system, 1)) as [Session]
      await lower(session.person)
      const live = await enter(system, session.token)
      await answers(live.askWithRight(), 'denied', 'without the right')
      await raise(session.person)
      await answers(live.askWithRight(), 'served', 'with the right')
      return undefined
    },
  },
  {
    id: 'D3',
    claim: 'nothing that needs the right is pushed once it was taken away',
    guards: 'Subscriptions that are judged when they begin and never again, whatever commands are.',
    run: async (system) => {
      const [lower, push] = [need(system.lower), need(system.push)]
      const [session] = (await withSessions(system, 1)) as [Session]
      const [other] = (await withSessions(system, 1)) as [Session]
      const [live, witness] = [await enter(system, session.token), await enter(system, other.token)]
      for (const one of [live, witness]) await answers(need(one.listen)(), 'served', 'a subscription')
      const before = await push()
      await lower(session.person)
      const after = [await push(), await push()]
      for (const one of [witness, live]) await answers(one.ask(), 'served', 'what everybody may have')
      expect(witness.heard, 'what somebody heard who has the right').toEqual([before, ...after])
      expect(live.heard, 'what was heard before').toContain(before)
      expect(live.heard.length - 1, 'pushes heard without the right').toBe(0)
      return undefined
    },
  },
  {
    id: 'D4',
    claim: 'a right that comes back does not bring back a subscription that has ended, and may be used for a new one',
    guards: 'A client that believes it hears everything, with a gap that nobody told it of.',
    run: async (system) => {
      const [lower, raise, push] = [need(system.lower), need(system.raise), need(system.push)]
      const [session] = (await withSessions(system, 1)) as [Session]
      const live = await enter(system, session.token)
      await answers(need(live.listen)(), 'served', 'a subscription')
      await lower(session.person)
      await answers(need(live.listen)(), 'denied', 'a subscription without the right')
      await raise(session.person)
      const unheard = await push()
      await answers(live.ask(), 'served', 'what everybody may have')
      const wanted = system.promises.loweredSubscription === 'ends' ? [] : [unheard]
      expect(live.heard, 'what was pushed after the right came back').toEqual(wanted)
      await answers(need(live.listen)(), 'served', 'a new subscription')
      const heard = await push()
      await answers(live.ask(), 'served', 'what everybody may have')
      expect(live.heard, 'what the new subscription heard').toContain(heard)
      return undefined
    },
  },
  {
    id: 'D5',
    claim: 'nobody else notices when somebody’s rights are lowered',
    guards: 'A change that is applied by sending everybody away.',
    run: async (system) => {
      const lower = need(system.lower)
      const [session] = (await withSessions(system, 1)) as [Session]
      const [other] = (await withSessions(system, 1)) as [Session]
      const bystander = await enter(system, other.token)
      const live = await enter(system, session.token)
      await lower(session.person)
      await answers(live.askWithRight(), 'denied', 'without the right')
      await answers(bystander.askWithRight(), 'served', 'somebody else')
      return undefined
    },
  },
]
