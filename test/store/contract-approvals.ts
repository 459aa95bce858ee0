/** What every store promises of users who wait for approval. */
import { describe, expect, test } from 'vitest'
import { newId } from '../../src/auth/secrets.ts'
import type { Approval, UserId } from '../../src/store/model.ts'
import { type Driver, useStore } from './opened.ts'
import { CAPS, code, count, credential, flow, HOUR, NOW, newOwner, times, token, user } from './records.ts'

const PENDING: Approval = { state: 'pending', until: NOW + HOUR }

export const approvalsContract = (name: string, create: () => Driver): void => {
  const at = useStore(create)
  const withOwner = async () => {
    await at.store.users.createOwner(newOwner())
    at.heard.length = 0
  }
  /** A first login. */
  const enroll = (subject: string, approval: Approval | null = PENDING, cap = 1000) => {
    const who = user(approval === null ? {} : { isActive: false, approval })
    return at.store.users.enroll(who, credential(who, subject), cap)
  }
  const enrolled = async (subject: string, approval: Approval | null = PENDING) => {
    const made = await enroll(subject, approval)
    if (typeof made === 'string') throw new Error(made)
    return made
  }

  describe(`${name}: users who wait for approval`, () => {
    test('of racing first logins of one credential one makes the user, and all get it (D33)', async () => {
      await withOwner()
      const all = await times(10, () => enrolled('eve'))
      expect(new Set(all.map(({ user: { id } }) => id)).size).toBe(1)
      expect(at.heard).toMatchObject([{ kind: 'user_added', subject: all[0]!.user.id, data: { approval: 'pending' } }])
      const known = await at.store.users.byCredential('homeassistant', null, 'eve')
      expect(known).toEqual({ user: all[0]!.user, credential: all[0]!.credential })
      expect(known!.user).toMatchObject({ isActive: false, approval: PENDING })
      await at.reopen()
      expect(await at.store.users.byId(all[0]!.user.id)).toEqual(all[0]!.user)
    })

    test('a first login makes nobody where there is no owner', async () => {
      expect(await enroll('eve')).toBe('no_owner')
      expect(await at.store.users.any()).toBe(false)
      expect(at.heard).toEqual([])
    })

    test('the cap holds in a race, and counts neither who is let in nor who is turned away (D33)', async () => {
      await withOwner()
      const outcomes = await times(10, (i) => enroll(`user-${i}`, PENDING, 3))
      expect(count(outcomes, 'full')).toBe(7)
      const waiting = outcomes.flatMap((one) => (typeof one === 'string' ? [] : [one.user.id]))
      // Whoever waits already is no new one.
      expect(await enroll((await at.store.users.credentials(waiting[0]!))[0]!.subject, PENDING, 3)).toMatchObject({
        user: { id: waiting[0] },
      })
      await at.store.users.approve(waiting[0]!)
      expect(await enroll('later', PENDING, 3)).toMatchObject({ user: { approval: PENDING } })
      expect(await enroll('too late', PENDING, 3)).toBe('full')
      await at.store.users.reject(waiting[1]!, NOW + HOUR)
      expect(await enroll('last', PENDING, 3)).toMatchObject({ user: { approval: PENDING } })
      // Who is let in at once does not wait.
      expect(await enroll('free', null, 3)).toMatchObject({ user: { isActive: true } })
    })

    test('a group that nobody has made gives nothing', async () => {
      await withOwner()
      const who = user({ groups: ['system-users', newId()] })
      expect(await at.store.users.enroll(who, credential(who), 1)).toMatchObject({ user: { groups: [] } })
    })

    test('of racing decisions exactly one is made', async () => {
      await withOwner()
      const { user: who } = await enrolled('eve')
      at.heard.length = 0
      const decisions = await Promise.all([
        ...Array.from({ length: 5 }, () => at.store.users.approve(who.id)),
        at.store.users.reject(who.id, NOW),
      ])
      expect(count<unknown>(decisions, 'not_pending')).toBe(5)
      expect(at.kinds()).toEqual(['user_changed'])
      const { approval, ...rest } = who
      expect(await at.store.users.byId(who.id)).toEqual({ ...rest, isActive: true })
    })

    test('who was turned away can be let in after all, and nobody else is decided about', async () => {
      await withOwner()
      const { user: who } = await enrolled('eve')
      const turned = { ...who, approval: { state: 'rejected', until: NOW + 2 * HOUR } }
      expect(await at.store.users.reject(who.id, NOW + 2 * HOUR)).toEqual(turned)
      expect(await at.store.users.byId(who.id)).toEqual(turned)
      expect(await at.store.users.reject(who.id, NOW)).toBe('not_pending')
      expect(await at.store.users.approve(who.id)).toMatchObject({ id: who.id, isActive: true })
      expect(await at.store.users.approve(who.id)).toBe('not_pending')
      expect(await at.store.users.reject(who.id, NOW)).toBe('not_pending')
      const stranger = newId<UserId>()
      expect(await at.store.users.approve(stranger)).toBe('not_found')
      expect(await at.store.users.reject(stranger, NOW)).toBe('not_found')
    })

    test('nobody who waits gets a token; whoever is made active has been let in', async () => {
      await withOwner()
      const { user: who } = await enrolled('eve')
      expect(await at.store.tokens.create(token(who), null)).toBe('user_inactive')
      expect(await at.store.users.update(who.id, { name: 'Eve', isActive: false })).toMatchObject({ approval: PENDING })
      const changed = await at.store.users.update(who.id, { isActive: true })
      expect(changed).toEqual({ ...user({ id: who.id, name: 'Eve' }) })
      expect(await at.store.users.byId(who.id)).toEqual(changed)
      expect(await at.store.tokens.create(token(who), null)).toBe('created')
    })

    test('a sweep removes who waited or was turned away for too long, and leaves their passwords (D33)', async () => {
      await withOwner()
      expect(await at.store.passwords.keep('eve', 'hash')).toBe('kept')
      const over: Approval = { state: 'pending', until: NOW }
      const { user: old, credential: its } = await enrolled('eve', over)
      const { user: turned } = await enrolled('mal')
      await at.store.users.reject(turned.id, NOW)
      const { user: letIn } = await enrolled('ben', over)
      await at.store.users.approve(letIn.id)
      const { user: waiting } = await enrolled('ann2', { state: 'pending', until: NOW + 1 })
      const made = code(old, its)
      await at.store.codes.put(made)
      at.heard.length = 0
      await at.store.sweep(NOW)
      expect(at.heard.map(({ kind, subject }) => [kind, subject]).sort()).toEqual(
        [old, turned].map(({ id }) => ['user_removed', id]).sort(),
      )
      expect(at.heard[0]!.data).toEqual({ reason: 'approval_expired' })
      expect(await at.store.users.byId(old.id)).toBe(null)
      expect(await at.store.codes.take(made.hash)).toBe(null)
      expect(await at.store.users.byId(letIn.id)).not.toBe(null)
      expect(await at.store.users.byId(waiting.id)).not.toBe(null)
      expect(await at.store.passwords.hash('eve')).toBe('hash')
      expect((await enrolled('eve')).user.id).not.toBe(old.id)
    })

    test('a login knows whom it waits for, after a restart too', async () => {
      const waitsFor = { user: newId<UserId>(), until: NOW + HOUR }
      const begun = flow()
      await at.store.flows.put(begun, CAPS, NOW)
      const next = { ...begun, version: 1, waitsFor }
      expect(await at.store.flows.replace(next)).toBe(true)
      await at.reopen()
      expect(await at.store.flows.get(begun.id)).toEqual(next)
    })

    test('a password of nobody is kept under a name that is free, listed until somebody has it, and taken away', async () => {
      await withOwner()
      expect(count(await times(5, () => at.store.passwords.keep('eve', 'hash')), 'kept')).toBe(1)
      expect(await at.store.passwords.keep('ann', 'hash')).toBe('username_taken')
      await at.store.passwords.keep('mal', 'hash')
      expect(await at.store.passwords.unused()).toEqual(['eve', 'mal'])
      await enrolled('eve')
      expect(await at.store.passwords.unused()).toEqual(['mal'])
      expect(await at.store.passwords.remove('mal')).toBe('removed')
      expect(await at.store.passwords.hash('mal')).toBe(null)
    })
  })
}
