/** Revocations that meet something at a random moment, again and again. */
import { expect } from 'vitest'
import { type Answer, type Case, type Knock, need, type Session } from '../adapter.ts'
import { answers, closes, enter, notServed, Race, ROUNDS, refused, Tally, within } from './checks.ts'

export const races: readonly Case[] = [
  {
    id: 'C1',
    claim:
      'a socket that shows its token while the session is revoked is refused, or let in and closed: never served after the acknowledgement',
    guards:
      'The token was read as good, then revoked, then the socket was registered where nobody will look for it again (check, then use).',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const [race, tally] = [new Race(), new Tally()]
      // The moment between a check and its use is short: more rounds.
      for (let round = 0; round < 3 * ROUNDS; round++) {
        const session = await system.logIn(person)
        // A token that was seen before is judged in another way than one that was not.
        if (round % 2 === 0) await (await enter(system, session.token)).hangUp()
        const knocks: Knock[] = [await system.knock(), await system.knock()]
        const [lives] = await race.run(
          async () => knocks.map((knock) => knock.show(session.token)),
          () => revoke(session),
        )
        for (const live of lives) {
          const asked = live.ask()
          const isIn = await within(live.admitted, 5000, 'a token that is revoked meanwhile')
          await notServed(asked, 'a socket is served after the acknowledgement')
          await closes(system, live, isIn ? 'revoked' : 'refused', 'a socket of a revoked session')
          tally.add(isIn ? 'let in and closed' : 'refused')
        }
      }
      return String(tally)
    },
  },
  {
    id: 'C2',
    claim: 'a socket that asks without pause is not served once the revocation is acknowledged',
    guards: 'A revocation that is acknowledged when it is written down, and felt when it is next looked up.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const tally = new Tally()
      for (let round = 0; round < ROUNDS; round++) {
        const session = await system.logIn(person)
        const live = await enter(system, session.token)
        let isDone = false
        const late: Answer[] = []
        const asking = (async () => {
          for (let gone = false; !gone; ) {
            const isLate = isDone
            const answer = await within(live.ask(), 5000, 'a socket that asks without pause')
            if (isLate) late.push(answer)
            gone = answer !== 'served'
          }
        })()
        await revoke(session).then(() => {
          isDone = true
        })
        await asking
        expect(late, 'answers to what was asked after the acknowledgement').not.toContain('served')
        await closes(system, live, 'revoked', 'a socket of a revoked session')
        tally.add('closed')
      }
      return String(tally)
    },
  },
  {
    id: 'C3',
    claim:
      'a renewal to a session that is revoked meanwhile is refused and harms nothing, or is done and the socket is closed',
    guards: 'A socket that is moved to a session after everybody there was sent away.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const [race, tally] = [new Race(), new Tally()]
      const old = await system.logIn(person)
      for (let round = 0; round < ROUNDS; round++) {
        const next = await system.logIn(person)
        if (round % 2 === 0) await (await enter(system, next.token)).hangUp()
        const live = await enter(system, old.token)
        const renew = need(live.renew)
        const [renewed] = await race.run(
          () => within(renew(next.token), 5000, 'a renewal'),
          () => revoke(next),
        )
        if (renewed === 'denied') {
          await answers(live.ask(), 'served', 'a socket whose renewal was refused')
          await live.hangUp()
          tally.add('refused')
        } else {
          await notServed(live.ask(), 'a socket is served after the acknowledgement')
          await closes(system, live, 'revoked', 'a socket that was renewed to a revoked session')
          tally.add('renewed and closed')
        }
      }
      return String(tally)
    },
  },
  {
    id: 'C4',
    claim:
      'a renewal away from a session that is revoked meanwhile is done and the socket stays, or it is closed: it never hangs between',
    guards: 'A log-out elsewhere that takes a socket along which has gone over, or lets one live that has not.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const [race, tally] = [new Race(), new Tally()]
      for (let round = 0; round < ROUNDS; round++) {
        const [old, next] = [await system.logIn(person), await system.logIn(person)]
        if (round % 2 === 0) await (await enter(system, next.token)).hangUp()
        const live = await enter(system, old.token)
        const renew = need(live.renew)
        const [renewed] = await race.run(
          () => within(renew(next.token), 5000, 'a renewal'),
          () => revoke(old),
        )
        if (renewed === 'served') {
          await answers(live.ask(), 'served', 'a socket that was renewed')
          await revoke(next)
          tally.add('renewed')
        } else {
          await notServed(live.ask(), 'a socket is served after the acknowledgement')
          tally.add('closed before')
        }
        await closes(system, live, 'revoked', 'a socket of a revoked session')
      }
      return String(tally)
    },
  },
  {
    id: 'C5',
    claim: 'a refresh that meets the revocation gives nothing, or a token that lets nobody in',
    guards: 'A token made from what was read before the revocation, and good for its whole life after it.',
    run: async (system) => {
      const [revoke, refresh] = [need(system.revoke), need(system.refresh)]
      const person = await system.person()
      const [race, tally] = [new Race(), new Tally()]
      for (let round = 0; round < Math.ceil(ROUNDS / 2); round++) {
        const session = await system.logIn(person, { refreshes: true })
        const [refreshed] = await race.run(
          () => refresh(session, session.secret!),
          () => revoke(session),
        )
        if (typeof refreshed === 'object') await refused(system, refreshed.token, 'a token from such a refresh')
        tally.add(typeof refreshed === 'object' ? 'gave a dead token' : 'refused')
        expect(await refresh(session, session.secret!), 'a later refresh').toBe('refused')
      }
      return String(tally)
    },
  },
  {
    id: 'C6',
    claim:
      'commands while rights are changed follow the old or the new ones, change once, and are by the new ones from the acknowledgement on',
    guards: 'Rights in two places that are changed one after the other, so that an answer depends on who asks.',
    run: async (system) => {
      const [lower, raise] = [need(system.lower), need(system.raise)]
      const person = await system.person()
      const session = await system.logIn(person)
      const live = await enter(system, session.token)
      for (let round = 0; round < ROUNDS; round++) {
        const [change, now] = round % 2 === 0 ? [lower, 'denied'] : [raise, 'served']
        let isDone = false
        const changed = change(person).then(() => {
          isDone = true
        })
        const told: Answer[] = []
        while (!isDone) told.push(await within(live.askWithRight(), 5000, 'a socket whose rights are changed'))
        await changed
        await answers(live.askWithRight(), now as Answer, 'after the acknowledgement')
        const turn = told.indexOf(now as Answer)
        if (turn !== -1) expect(new Set(told.slice(turn)), 'answers after the change').toEqual(new Set([now]))
        expect(told, 'a change of rights').not.toContain('gone')
      }
      return undefined
    },
  },
  {
    id: 'C7',
    claim: 'of sockets that are opened, renewed and revoked in a heap, every one ends with its session',
    guards: 'The sum of the above: what one test at a time does not meet.',
    run: async (system) => {
      const revoke = need(system.revoke)
      const person = await system.person()
      const sessions: Session[] = []
      for (let i = 0; i < 8; i++) sessions.push(await system.logIn(person))
      const any = (): Session => sessions[Math.floor(Math.random() * sessions.length)]!
      const lives = await Promise.all(Array.from({ length: 40 }, () => enter(system, any().token)))
      need(lives[0]!.renew)
      const renewing = lives.map(async (live) => {
        for (let i = 0; i < 5; i++) await within(need(live.renew)(any().token), 5000, 'a renewal')
      })
      const half = sessions.slice(0, 4)
      await Promise.all([...renewing, ...half.map((session) => revoke(session))])
      const told = await Promise.all(lives.map((live) => within(live.ask(), 5000, 'a socket')))
      for (const [i, live] of lives.entries()) {
        if (told[i] !== 'served') await closes(system, live, 'revoked', 'a socket that is not served')
      }
      for (const session of sessions.slice(4)) await revoke(session)
      for (const live of lives) await notServed(live.ask(), 'a socket is served after all sessions have ended')
      for (const live of lives) await closes(system, live, 'revoked', 'a socket whose sessions have all ended')
      return `${told.filter((answer) => answer === 'served').length} of ${lives.length} outlived the first half`
    },
  },
]
