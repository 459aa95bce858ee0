/** Users, their credentials and their passwords, in SQL. */
import type { Executor, Log } from './executor.ts'
import { groupsExist } from './groups.ts'
import type { Db } from './log.ts'
import type { User, UserId } from './model.ts'
import { fromCode, fromCredential, fromUser, toCredential, toUser } from './schema.ts'
import type { Approvals, Users } from './store.ts'
import { revokeRows } from './tokens.ts'

/** Passwords belong to the local provider's credentials: their subject is the user name. */
const LOCAL = ['provider_type', '=', 'homeassistant'] as const

/** 0 where there is no user. */
export const lastPosition = async (db: Db): Promise<number> => {
  const { last } = await db
    .selectFrom('auth_user')
    .select((eb) => eb.fn.max('position').as('last'))
    .executeTakeFirstOrThrow()
  return last ?? 0
}

export const insertUser = async (db: Db, user: User): Promise<void> => {
  const position = (await lastPosition(db)) + 1
  await db
    .insertInto('auth_user')
    .values({ ...fromUser(user), position })
    .execute()
}

/** Ends all grants of a user. */
const endGrants = async (db: Db, log: Log, user: UserId, reason: string): Promise<void> => {
  const rows = await db.selectFrom('auth_grant').select(['id', 'user_id']).where('user_id', '=', user).execute()
  await revokeRows(rows, db, log, reason)
}

/** What ends somebody's rights has to work on a full disk too. */
const VITAL = { vital: true }

export const userStore = ({ read, write }: Executor): Omit<Users, keyof Approvals> => ({
  any: () =>
    read(async (db) => {
      const row = await db
        .selectFrom('auth_user')
        .select('id')
        .where('system_generated', '=', 0)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    }),

  createOwner: async ({ user, credential, password, code }) => {
    const { value } = await write(async (db, log) => {
      const first = await db
        .selectFrom('auth_user')
        .select('id')
        .where('system_generated', '=', 0)
        .limit(1)
        .executeTakeFirst()
      if (first !== undefined) return 'taken' as const
      await insertUser(db, user)
      await db.insertInto('auth_credential').values(fromCredential(credential)).execute()
      await db.insertInto('auth_password').values(password).execute()
      await db.insertInto('auth_code').values(fromCode(code)).execute()
      log({ kind: 'user_added', subject: user.id, data: {} })
      return 'created' as const
    })
    return value
  },

  byCredential: (providerType, providerId, subject) =>
    read(async (db) => {
      const credential = await db
        .selectFrom('auth_credential')
        .selectAll()
        .where('provider_type', '=', providerType)
        .where('provider_id', '=', providerId ?? '')
        .where('subject', '=', subject)
        .executeTakeFirst()
      if (credential === undefined) return null
      const user = await db
        .selectFrom('auth_user')
        .selectAll()
        .where('id', '=', credential.user_id)
        .executeTakeFirstOrThrow()
      return { credential: toCredential(credential), user: toUser(user) }
    }),

  byId: (id) =>
    read(async (db) => {
      const row = await db.selectFrom('auth_user').selectAll().where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : toUser(row)
    }),

  credentials: (id) =>
    read(async (db) => {
      const rows = await db.selectFrom('auth_credential').selectAll().where('user_id', '=', id).orderBy('id').execute()
      return rows.map(toCredential)
    }),

  list: () =>
    read(async (db) => {
      const users = await db.selectFrom('auth_user').selectAll().orderBy('position').execute()
      const credentials = await db.selectFrom('auth_credential').selectAll().orderBy('id').execute()
      return users.map((row) => ({
        user: toUser(row),
        credentials: credentials.filter(({ user_id }) => user_id === row.id).map(toCredential),
      }))
    }),

  create: async (user) => {
    const { value } = await write(async (db, log) => {
      if (!(await groupsExist(db, user.groups))) return 'no_such_group' as const
      await insertUser(db, user)
      log({ kind: 'user_added', subject: user.id, data: {} })
      return 'created' as const
    })
    return value
  },

  update: async (id, change, { mayJoin } = { mayJoin: true }) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_user').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) return 'not_found' as const
      if (!(await groupsExist(db, change.groups ?? []))) return 'no_such_group' as const
      const user = toUser(row)
      if (user.systemGenerated) return 'system_generated' as const
      if (user.isOwner && change.isActive === false) return 'owner' as const
      if (!mayJoin && change.groups?.some((group) => !user.groups.includes(group))) return 'joins' as const
      const { approval, ...rest } = user
      const changed: User = { ...(change.isActive === true ? rest : user), ...change }
      await db.updateTable('auth_user').set(fromUser(changed)).where('id', '=', id).execute()
      if (!changed.isActive) await endGrants(db, log, id, 'user_inactive')
      log({ kind: 'user_changed', subject: id, data: {} })
      return changed
    }, VITAL)
    return value
  },

  remove: async (id) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_user').select('is_owner').where('id', '=', id).executeTakeFirst()
      if (row === undefined) return 'not_found' as const
      if (row.is_owner === 1) return 'owner' as const
      await endGrants(db, log, id, 'user_removed')
      await db
        .deleteFrom('auth_password')
        .where('username', 'in', (eb) =>
          eb
            .selectFrom('auth_credential')
            .select('subject')
            .where('user_id', '=', id)
            .where(...LOCAL),
        )
        .execute()
      // Credentials go with the user.
      await db.deleteFrom('auth_user').where('id', '=', id).execute()
      log({ kind: 'user_removed', subject: id, data: {} })
      return 'removed' as const
    }, VITAL)
    return value
  },
})
