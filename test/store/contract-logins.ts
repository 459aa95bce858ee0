/** What every store promises of logins, the set-up and bans. */
import { describe, expect, test } from 'vitest'
import { type Driver, useStore } from './opened.ts'
import { CAPS, code, count, digest, flow, HOUR, NOW, times, token } from './records.ts'

export const loginsContract = (name: string, create: () => Driver): void => {
  const at = useStore(create)

  describe(`${name}: codes and flows`, () => {
    test('of racing callers exactly one takes a code, and the others end what is made from it (C8)', async () => {
      const { who, its } = await at.person()
      const made = code(who, its)
      await at.store.codes.put(made)
      const outcomes = await times(50, () => at.store.codes.take(made.hash))
      expect(outcomes.filter((one) => one !== null && typeof one === 'object')).toEqual([made])
      expect(count(outcomes, 'reused')).toBe(49)
      expect(await at.store.tokens.create(token(who, { codeHash: made.hash }), null)).toBe('code_reused')
    })

    test('a code that is presented again ends the grant that it gave (C8)', async () => {
      const { who, its } = await at.person()
      const made = code(who, its)
      await at.store.codes.put(made)
      expect(await at.store.codes.take(made.hash)).toEqual(made)
      const given = token(who, { codeHash: made.hash })
      expect(await at.store.tokens.create(given, null)).toBe('created')
      expect(await at.store.codes.take(made.hash)).toBe('reused')
      expect(await at.grantOf(given.id)).toBe(undefined)
      expect(at.heard.at(-1)).toMatchObject({ kind: 'grant_revoked', subject: given.id })
      expect(await at.store.codes.take(digest('unknown'))).toBe(null)
    })

    test('of racing inputs one replaces the flow, and of racing ends one gives the code (D20)', async () => {
      const { who, its } = await at.person()
      const begun = flow()
      expect(await at.store.flows.put(begun, CAPS, NOW)).toBe('kept')
      expect(await at.store.flows.get(begun.id)).toEqual(begun)
      const next = { ...begun, version: 1 }
      expect(count(await times(10, () => at.store.flows.replace(next)), true)).toBe(1)
      const made = code(who, its)
      const ends = await times(10, (i) => at.store.flows.finish(next, i === 0 ? made : code(who, its)))
      expect(count(ends, true)).toBe(1)
      expect(await at.store.flows.get(begun.id)).toBe(null)
      if (ends[0] === true) expect(await at.store.codes.take(made.hash)).toEqual(made)
      else expect(await at.store.codes.take(made.hash)).toBe(null)
      expect(await at.store.flows.replace({ ...begun, version: 2 })).toBe(false)
    })

    test('a flow is taken back once', async () => {
      const begun = flow()
      await at.store.flows.put(begun, CAPS, NOW)
      expect(count(await times(5, () => at.store.flows.remove(begun.id)), true)).toBe(1)
    })

    test('caps hold in a race; what is past its time does not count', async () => {
      const caps = { total: 5, perNetwork: 3 }
      await times(10, () => at.store.flows.put(flow({ expiresAt: NOW - 1 }), CAPS, NOW - HOUR))
      // Typed into at once: none makes room.
      const put = (network: string) => at.store.flows.put(flow({ network, version: 1 }), caps, NOW)
      const mine = await times(10, () => put('10.0.0.1'))
      expect(count(mine, 'kept')).toBe(3)
      const others = await times(10, (i) => put(`10.0.1.${i}`))
      expect(count(others, 'kept')).toBe(2)
    })

    test('at a cap the oldest flow that nobody typed into makes room, in its own network first (D18)', async () => {
      const begun = async (network: string, version: number, age: number) => {
        const made = flow({ network, version, expiresAt: NOW + HOUR - age })
        expect(await at.store.flows.put(made, CAPS, NOW)).toBe('kept')
        return made.id
      }
      const typed = await begun('10.0.0.1', 1, 9)
      const oldest = await begun('10.0.0.1', 0, 8)
      const younger = await begun('10.0.0.1', 0, 7)
      const neighbour = await begun('10.0.0.2', 0, 9)
      const there = async () => {
        const ids = [typed, oldest, younger, neighbour]
        const flows = await Promise.all(ids.map((id) => at.store.flows.get(id)))
        return ids.filter((_, i) => flows[i] !== null)
      }
      const third = flow({ network: '10.0.0.1', version: 1 })
      expect(await at.store.flows.put(third, { total: 100, perNetwork: 3 }, NOW)).toBe('kept')
      expect(await there()).toEqual([typed, younger, neighbour])
      // Too many in all: the network with the most that nobody typed into, whoever asks.
      await begun('10.0.0.3', 0, 1)
      await begun('10.0.0.3', 0, 2)
      expect(await at.store.flows.put(flow({ network: '10.0.0.4' }), { total: 6, perNetwork: 100 }, NOW)).toBe('kept')
      expect(await there()).toEqual([typed, younger, neighbour])
      expect(await at.store.flows.get(third.id)).toEqual(third)
    })

    test('a place of an account is known until its end, follows a new user name and goes with the account', async () => {
      const { who, its } = await at.person()
      expect(await at.store.places.until(its.subject, '10.0.0.1')).toBe(0)
      await at.store.places.note(its.subject, '10.0.0.1', NOW)
      await at.store.places.note(its.subject, '10.0.0.1', NOW + HOUR)
      await at.reopen()
      expect(await at.store.places.until(its.subject, '10.0.0.1')).toBe(NOW + HOUR)
      expect(await at.store.places.until(its.subject, '10.0.0.2')).toBe(0)
      expect(await at.store.passwords.rename(who.id, 'other')).toBe('renamed')
      expect(await at.store.places.until(its.subject, '10.0.0.1')).toBe(0)
      expect(await at.store.places.until('other', '10.0.0.1')).toBe(NOW + HOUR)
      expect(await at.store.passwords.remove('other')).toBe('removed')
      expect(await at.store.places.until('other', '10.0.0.1')).toBe(0)
    })

    test('an account keeps its hundred latest places', async () => {
      for (let i = 0; i <= 100; i++) await at.store.places.note('ann', `10.0.0.${i}`, NOW + i)
      expect(await at.store.places.until('ann', '10.0.0.0')).toBe(0)
      expect(await at.store.places.until('ann', '10.0.0.1')).toBe(NOW + 1)
      expect(await at.store.places.until('ann', '10.0.0.100')).toBe(NOW + 100)
    })

    test('a sweep removes codes, flows, places and bans that are past their time, and nothing else', async () => {
      const { who, its } = await at.person()
      const [old, fresh] = [code(who, its, { expiresAt: NOW - HOUR }), code(who, its)]
      await at.store.codes.put(old)
      await at.store.codes.put(fresh)
      const waiting = flow()
      await at.store.flows.put(waiting, CAPS, NOW)
      await at.store.bans.put({ network: '10.0.0.1', endsAt: NOW - 1 })
      await at.store.bans.put({ network: '10.0.0.2', endsAt: NOW + 1 })
      await at.store.places.note('ann', '10.0.0.1', NOW)
      await at.store.places.note('ann', '10.0.0.2', NOW + 1)
      await at.store.sweep(NOW)
      expect(await at.store.places.until('ann', '10.0.0.1')).toBe(0)
      expect(await at.store.places.until('ann', '10.0.0.2')).toBe(NOW + 1)
      expect(await at.store.codes.take(old.hash)).toBe(null)
      expect(await at.store.codes.take(fresh.hash)).toEqual(fresh)
      expect(await at.store.flows.get(waiting.id)).toEqual(waiting)
      expect(await at.store.bans.list(NOW - HOUR)).toEqual([{ network: '10.0.0.2', endsAt: NOW + 1 }])
    })
  })

  describe(`${name}: the set-up and bans`, () => {
    test('of racing callers exactly one marks a step, for good', async () => {
      expect(count(await times(10, () => at.store.onboarding.mark('analytics')), true)).toBe(1)
      await at.reopen()
      expect(await at.store.onboarding.done()).toEqual(['analytics'])
      expect(await at.store.onboarding.mark('analytics')).toBe(false)
    })

    test('a ban stands until its end, through a restart, and can be lifted or made longer', async () => {
      await at.store.bans.put({ network: '10.0.0.1', endsAt: NOW + HOUR })
      await at.store.bans.put({ network: '10.0.0.1', endsAt: NOW + 2 * HOUR })
      await at.reopen()
      expect(await at.store.bans.list(NOW)).toEqual([{ network: '10.0.0.1', endsAt: NOW + 2 * HOUR }])
      expect(await at.store.bans.list(NOW + 2 * HOUR)).toEqual([])
      await at.store.bans.remove('10.0.0.1')
      expect(await at.store.bans.list(NOW)).toEqual([])
    })
  })
}
