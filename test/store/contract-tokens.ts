/** What every store promises of grants. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/auth/secrets.ts'
import type { GrantId, RefreshToken, User } from '../../src/store/model.ts'
import { type Selector, StoreUnavailable } from '../../src/store/store.ts'
import { type Driver, useStore } from './opened.ts'
import { count, digest, HOUR, NOW, times, token, user } from './records.ts'

export const tokensContract = (name: string, create: () => Driver): void => {
  const at = useStore(create)

  describe(`${name}: tokens`, () => {
    test('a grant is found by id and by its secret, whole', async () => {
      const { who, its } = await at.person()
      const made = token(who, { credentialId: its.id, clientIcon: 'icon', clientName: 'name' })
      expect(await at.store.tokens.create(made, null)).toBe('created')
      const grant = { token: made, user: who, credential: its }
      expect(await at.grantOf(made.id)).toEqual(grant)
      expect(await at.store.tokens.bySecret(made.secretHash!)).toEqual(grant)
      expect(await at.store.tokens.bySecret(digest('unknown'))).toBe(null)
      expect((await at.store.tokens.grants([newId<GrantId>()])).grants).toEqual([])
      expect(await at.store.tokens.list(who.id)).toEqual([{ token: made, credential: its }])
    })

    test('a database is filled with users and grants by the thousand, all of them or none', async () => {
      const { who } = await at.person()
      const users = Array.from({ length: 450 }, (_, i) => user({ name: `User ${i}` }))
      const tokens = users.flatMap((one) => [token(one), token(one)])
      const [first] = tokens
      await expect(at.fill(users, [...tokens, token(user())])).rejects.toThrow(StoreUnavailable)
      expect(await at.grantOf(first!.id)).toBe(undefined)
      await at.fill(users, tokens)
      const found = await at.store.tokens.grants(tokens.map(({ id }) => id))
      expect(new Set(found.grants.map(({ token }) => token))).toEqual(new Set(tokens))
      expect((await at.store.users.list()).map((one) => one.user)).toEqual([who, ...users])
    })

    test('none is made for who is inactive or gone, nor at the request of a grant that has ended', async () => {
      const { who } = await at.person()
      const asking = token(who)
      await at.store.tokens.create(asking, null)
      expect(await at.store.tokens.create(token(who), asking.id)).toBe('created')
      await at.store.tokens.revoke({ grant: asking.id, user: who.id })
      at.heard.length = 0
      expect(await at.store.tokens.create(token(who), asking.id)).toBe('revoked')
      await at.store.users.update(who.id, { isActive: false })
      expect(await at.store.tokens.create(token(who), null)).toBe('user_inactive')
      expect(await at.store.tokens.create(token(user()), null)).toBe('user_inactive')
      expect(at.kinds()).not.toContain('grant_added')
    })

    test('a grant that asks and is revoked at the same time: the new one falls with it or was refused', async () => {
      for (let round = 0; round < 20; round++) {
        const { who } = await at.person()
        const asking = token(who)
        const made = token(who, { type: 'long_lived_access_token', clientName: 'script' })
        await at.store.tokens.create(asking, null)
        const [outcome] = await Promise.all([
          at.store.tokens.create(made, asking.id),
          at.store.tokens.revoke({ user: who.id, type: null, keep: null }),
        ])
        // Whichever came first: nothing of the user is left that was made on the dead grant after its end.
        if (outcome === 'revoked') expect(await at.grantOf(made.id)).toBe(undefined)
        expect(await at.grantOf(asking.id)).toBe(undefined)
        const changes = at.heard.map(({ kind, subject }) => `${kind} ${subject}`)
        const added = changes.indexOf(`grant_added ${made.id}`)
        expect(added === -1 || added < changes.indexOf(`grant_revoked ${asking.id}`)).toBe(true)
      }
    })

    test('the name of a long-lived token is taken while the token lives', async () => {
      const { who } = await at.person()
      const named = () => token(who, { type: 'long_lived_access_token', clientName: 'script', secretHash: null })
      const outcomes = await times(10, () => at.store.tokens.create(named(), null))
      expect([count(outcomes, 'created'), count(outcomes, 'name_taken')]).toEqual([1, 9])
      const other = await at.person()
      const theirs = token(other.who, { type: 'long_lived_access_token', clientName: 'script', secretHash: null })
      expect(await at.store.tokens.create(theirs, null)).toBe('created')
      await at.store.tokens.revoke({ user: who.id, type: null, keep: null })
      expect(await at.store.tokens.create(named(), null)).toBe('created')
    })

    test('a revocation means what its selector says, and nothing of anybody else', async () => {
      const [ann, bob] = [await at.person(), await at.person()]
      const make = async (who: User, more: Partial<RefreshToken> = {}): Promise<RefreshToken> => {
        const made = token(who, more)
        await at.store.tokens.create(made, null)
        return made
      }
      const [first, second, third] = [await make(ann.who), await make(ann.who), await make(ann.who)]
      const script = await make(ann.who, { type: 'long_lived_access_token', clientName: 'x' })
      const others = await make(bob.who)
      const revoke = async (selector: Selector) => [...(await at.store.tokens.revoke(selector)).grants].sort()
      expect(await revoke({ grant: others.id, user: ann.who.id })).toEqual([])
      expect(await revoke({ grant: first.id, user: ann.who.id })).toEqual([first.id])
      expect(await revoke({ grant: first.id, user: ann.who.id })).toEqual([])
      expect(await revoke({ secretHash: second.secretHash! })).toEqual([second.id])
      expect(await revoke({ user: ann.who.id, type: 'normal', keep: third.id })).toEqual([])
      expect(await revoke({ user: ann.who.id, type: 'long_lived_access_token', keep: null })).toEqual([script.id])
      expect(await revoke({ user: ann.who.id, type: null, keep: null })).toEqual([third.id])
      expect(await at.grantOf(others.id)).toMatchObject({ token: { id: others.id } })
    })

    test('a receipt names the last row of the log; of racing revocations each grant is in one receipt', async () => {
      const { who } = await at.person()
      const made = await times(20, async () => {
        const one = token(who)
        await at.store.tokens.create(one, null)
        return one.id
      })
      const receipts = await times(5, () => at.store.tokens.revoke({ user: who.id, type: null, keep: null }))
      expect(receipts.flatMap(({ grants }) => grants).sort()).toEqual([...made].sort())
      expect(Math.max(...receipts.map(({ seq }) => seq))).toBe(at.feed.head.seq)
    })

    test('what has come to its end is reaped, at most as many as asked', async () => {
      const { who } = await at.person()
      const due = [token(who, { expireAt: NOW - 1 }), token(who, { expireAt: NOW })]
      const kept = [token(who, { expireAt: NOW + 1 }), token(who, { expireAt: null })]
      for (const one of [...due, ...kept]) await at.store.tokens.create(one, null)
      const first = await at.store.tokens.reap(NOW, 1)
      const second = await at.store.tokens.reap(NOW, 10)
      expect([...first.grants, ...second.grants].sort()).toEqual(due.map(({ id }) => id).sort())
      expect(first.grants).toHaveLength(1)
      expect(await at.store.tokens.list(who.id)).toHaveLength(2)
    })

    test('a use is recorded; of a grant that is gone it is not', async () => {
      const { who } = await at.person()
      const made = token(who)
      await at.store.tokens.create(made, null)
      expect(await at.store.tokens.used(made.id, NOW + 5, '10.0.0.1', NOW + 2 * HOUR)).toBe(true)
      const later = { lastUsedAt: NOW + 5, lastUsedIp: '10.0.0.1', expireAt: NOW + 2 * HOUR }
      expect((await at.grantOf(made.id))!.token).toEqual({ ...made, ...later })
      expect(await at.store.tokens.used(newId<GrantId>(), NOW, '10.0.0.1', null)).toBe(false)
    })

    test('uses that are touched are there at the close, the last of each', async () => {
      const { who } = await at.person()
      const made = token(who)
      await at.store.tokens.create(made, null)
      for (let i = 1; i <= 10; i++) at.store.tokens.touch(made.id, NOW + i, `10.0.0.${i}`, NOW + HOUR + i)
      await at.reopen()
      const last = { lastUsedAt: NOW + 10, lastUsedIp: '10.0.0.10', expireAt: NOW + HOUR + 10 }
      expect((await at.grantOf(made.id))!.token).toMatchObject(last)
    })

    test('an end is set where there was none, and taken away', async () => {
      const { who } = await at.person()
      const made = token(who)
      await at.store.tokens.create(made, null)
      const end = async () => (await at.grantOf(made.id))!.token.expireAt
      expect(await at.store.tokens.setExpiry(made.id, who.id, NOW + 9 * HOUR)).toBe(true)
      expect(await end()).toBe(NOW + HOUR)
      await at.store.tokens.setExpiry(made.id, who.id, null)
      expect(await end()).toBe(null)
      await at.store.tokens.setExpiry(made.id, who.id, NOW + 9 * HOUR)
      expect(await end()).toBe(NOW + 9 * HOUR)
      expect(await at.store.tokens.setExpiry(made.id, user().id, null)).toBe(false)
    })
  })
}
