/** User names and passwords of the local provider, in SQL. */
import type { Executor } from './executor.ts'
import type { Db } from './log.ts'
import type { UserId } from './model.ts'
import { fromCredential } from './schema.ts'
import type { Passwords } from './store.ts'
import { revokeRows } from './tokens.ts'

/** The provider type of the credentials whose subject is a user name. */
const LOCAL = 'homeassistant'

/** What ends somebody's rights has to work on a full disk too. */
const VITAL = { vital: true }

const localCredential = (db: Db) => db.selectFrom('auth_credential').selectAll().where('provider_type', '=', LOCAL)

const userExists = async (db: Db, user: UserId): Promise<boolean> =>
  (await db.selectFrom('auth_user').select('id').where('id', '=', user).executeTakeFirst()) !== undefined

const isTaken = async (db: Db, username: string): Promise<boolean> =>
  (await db.selectFrom('auth_password').select('username').where('username', '=', username).executeTakeFirst()) !==
  undefined

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

  keep: async (username, hash) => {
    const { value } = await write(async (db) => {
      if (await isTaken(db, username)) return 'username_taken' as const
      await db.insertInto('auth_password').values({ username, hash }).execute()
      return 'kept' as const
    })
    return value
  },

  unused: () =>
    read(async (db) => {
      const rows = await db
        .selectFrom('auth_password')
        .select('username')
        .where(
          'username',
          'not in',
          db.selectFrom('auth_credential').select('subject').where('provider_type', '=', LOCAL),
        )
        .orderBy('username')
        .execute()
      return rows.map(({ username }) => username)
    }),

  add: async (credential, hash) => {
    const { value } = await write(async (db, log) => {
      const user = await db
        .selectFrom('auth_user')
        .select('system_generated')
        .where('id', '=', credential.userId)
        .executeTakeFirst()
      if (user === undefined) return 'user_not_found' as const
      if (user.system_generated === 1) return 'system_generated' as const
      if (await isTaken(db, credential.subject)) return 'username_taken' as const
      const other = await localCredential(db).where('user_id', '=', credential.userId).executeTakeFirst()
      if (other !== undefined) return 'has_one' as const
      await db.insertInto('auth_credential').values(fromCredential(credential)).execute()
      await db.insertInto('auth_password').values({ username: credential.subject, hash }).execute()
      log({ kind: 'user_changed', subject: credential.userId, data: {} })
      return 'added' as const
    })
    return value
  },

  remove: async (username) => {
    const { value } = await write(async (db, log) => {
      const { numDeletedRows } = await db
        .deleteFrom('auth_password')
        .where('username', '=', username)
        .executeTakeFirst()
      if (numDeletedRows !== 1n) return 'not_found' as const
      await db.deleteFrom('auth_place').where('username', '=', username).execute()
      const credential = await localCredential(db).where('subject', '=', username).executeTakeFirst()
      if (credential === undefined) return 'removed' as const
      const grants = await db
        .selectFrom('auth_grant')
        .select(['id', 'user_id'])
        .where('credential_id', '=', credential.id)
        .execute()
      await revokeRows(grants, db, log, 'credential_removed')
      await db.deleteFrom('auth_credential').where('id', '=', credential.id).execute()
      log({ kind: 'user_changed', subject: credential.user_id, data: {} })
      return 'removed' as const
    }, VITAL)
    return value
  },

  set: async (user, hash, keep) => {
    const { value } = await write(async (db, log) => {
      if (!(await userExists(db, user))) return 'user_not_found' as const
      const credential = await localCredential(db).where('user_id', '=', user).executeTakeFirst()
      if (credential === undefined) return 'no_credential' as const
      await db.updateTable('auth_password').set({ hash }).where('username', '=', credential.subject).execute()
      const grants = await db
        .selectFrom('auth_grant')
        .select(['id', 'user_id'])
        .where('user_id', '=', user)
        .where('id', '!=', keep ?? '')
        .execute()
      await revokeRows(grants, db, log, 'password_changed')
      return 'set' as const
    }, VITAL)
    return value
  },

  rename: async (user, username) => {
    const { value } = await write(async (db) => {
      if (!(await userExists(db, user))) return 'user_not_found' as const
      const credential = await localCredential(db).where('user_id', '=', user).executeTakeFirst()
      if (credential === undefined) return 'no_credential' as const
      if (await isTaken(db, username)) return 'username_taken' as const
      await db.updateTable('auth_password').set({ username }).where('username', '=', credential.subject).execute()
      await db.updateTable('auth_place').set({ username }).where('username', '=', credential.subject).execute()
      await db.updateTable('auth_credential').set({ subject: username }).where('id', '=', credential.id).execute()
      return 'renamed' as const
    })
    return value
  },
})
