/** Users, their credentials and their passwords, in SQL. */
import type { Executor } from './executor.ts'
import { fromCode, fromCredential, fromUser, toCredential, toUser } from './schema.ts'
import type { Passwords, Users } from './store.ts'

export const userStore = ({ read, write }: Executor): Users => ({
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
      await db.insertInto('auth_user').values(fromUser(user)).execute()
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
})

export const passwordStore = ({ read, write }: Executor): Passwords => ({
  hash: (username) =>
    read(async (db) => {
      const row = await db
        .selectFrom('auth_password')
        .select('hash')
        .where('username', '=', username)
        .executeTakeFirst()
      return row?.hash ?? null
    }),

  rehash: async (username, was, now) => {
    const { value } = await write((db) =>
      db
        .updateTable('auth_password')
        .set({ hash: now })
        .where('username', '=', username)
        .where('hash', '=', was)
        .executeTakeFirst(),
    )
    return value.numUpdatedRows === 1n
  },
})
