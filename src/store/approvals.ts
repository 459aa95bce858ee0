/** Users who wait to be let in, in SQL: made by their first login, decided about once, and removed when their time is over. */
import type { Executor, Log } from './executor.ts'
import { groupsExist } from './groups.ts'
import type { Db } from './log.ts'
import type { User, UserId } from './model.ts'
import { fromCredential, fromUser, toCredential, toUser } from './schema.ts'
import type { Approvals } from './store.ts'
import { insertUser } from './users.ts'

/** So many are removed in one transaction: the next sweep goes on. */
const AT_ONCE = 200

/** Removes users whose time is over. What a credential was made of stays: it had no user before, and has none again. */
export const removeUnapproved = async (db: Db, log: Log, now: number): Promise<void> => {
  const over = await db
    .selectFrom('auth_user')
    .select('id')
    .where('approval_until', '<=', now)
    .orderBy('approval_until')
    .limit(AT_ONCE)
    .execute()
  for (const { id } of over) {
    await db.deleteFrom('auth_user').where('id', '=', id).execute()
    log({ kind: 'user_removed', subject: id, data: { reason: 'approval_expired' } })
  }
}

export const approvalStore = ({ write }: Executor): Approvals => {
  /** Changes a user about whom has to be decided. */
  const decide = async (id: UserId, decided: (user: User) => User | null) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_user').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) return 'not_found' as const
      const changed = decided(toUser(row))
      if (changed === null) return 'not_pending' as const
      await db.updateTable('auth_user').set(fromUser(changed)).where('id', '=', id).execute()
      log({ kind: 'user_changed', subject: id, data: {} })
      return changed
    })
    return value
  }

  return {
    enroll: async (user, credential, pending) => {
      const { value } = await write(async (db, log) => {
        const known = await db
          .selectFrom('auth_credential')
          .selectAll()
          .where('provider_type', '=', credential.providerType)
          .where('provider_id', '=', credential.providerId ?? '')
          .where('subject', '=', credential.subject)
          .executeTakeFirst()
        if (known !== undefined) {
          const row = await db
            .selectFrom('auth_user')
            .selectAll()
            .where('id', '=', known.user_id)
            .executeTakeFirstOrThrow()
          return { user: toUser(row), credential: toCredential(known) }
        }
        const owner = await db
          .selectFrom('auth_user')
          .select('id')
          .where('is_owner', '=', 1)
          .limit(1)
          .executeTakeFirst()
        if (owner === undefined) return 'no_owner' as const
        if (user.approval !== undefined) {
          const { n } = await db
            .selectFrom('auth_user')
            .select((eb) => eb.fn.countAll().as('n'))
            .where('approval', '=', 'pending')
            .executeTakeFirstOrThrow()
          if (Number(n) >= pending) return 'full' as const
        }
        // A group that the provider names and nobody has made gives nothing.
        const groups = (await groupsExist(db, user.groups)) ? user.groups : []
        const made: User = { ...user, groups }
        await insertUser(db, made)
        await db.insertInto('auth_credential').values(fromCredential(credential)).execute()
        log({ kind: 'user_added', subject: user.id, data: user.approval === undefined ? {} : { approval: 'pending' } })
        return { user: made, credential }
      })
      return value
    },

    approve: (id) =>
      decide(id, ({ approval, ...user }) => (approval === undefined ? null : { ...user, isActive: true })),

    reject: (id, until) =>
      decide(id, (user) =>
        user.approval?.state === 'pending' ? { ...user, approval: { state: 'rejected', until } } : null,
      ),
  }
}
