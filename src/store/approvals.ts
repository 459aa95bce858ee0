/** Users who wait to be let in, in SQL: made by their first login, decided about once, and removed when their time is over. */
import type { Executor, Log } from './executor.ts'
import { groupsExist } from './groups.ts'
import type { Db } from './log.ts'
import type { Approval, User, UserId } from './model.ts'
import { fromCredential, type Tables, toCredential, toUser } from './schema.ts'
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
  /** Changes a user who is in one of these states: in the statement itself, so that of two decisions one finds nothing. */
  const decide = async (
    id: UserId,
    from: readonly Approval['state'][],
    to: Partial<Pick<Tables['auth_user'], 'is_active' | 'approval' | 'approval_until'>>,
  ) => {
    const { value } = await write(async (db, log) => {
      const row = await db
        .updateTable('auth_user')
        .set(to)
        .where('id', '=', id)
        .where('approval', 'in', from)
        .returningAll()
        .executeTakeFirst()
      if (row !== undefined) {
        log({ kind: 'user_changed', subject: id, data: {} })
        return toUser(row)
      }
      const other = await db.selectFrom('auth_user').select('id').where('id', '=', id).executeTakeFirst()
      return other === undefined ? 'not_found' : 'not_pending'
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

    approve: (id) => decide(id, ['pending', 'rejected'], { is_active: 1, approval: null, approval_until: null }),

    reject: (id, until) => decide(id, ['pending'], { approval: 'rejected', approval_until: until }),
  }
}
