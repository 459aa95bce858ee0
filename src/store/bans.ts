/** Bans in SQL: what a restart must not forget. */
import type { Executor } from './executor.ts'
import type { Bans } from './store.ts'

export const banStore = ({ read, write }: Executor): Bans => ({
  list: (now) =>
    read(async (db) => {
      const rows = await db.selectFrom('auth_ban').selectAll().where('ends_at', '>', now).orderBy('network').execute()
      return rows.map(({ network, ends_at }) => ({ network, endsAt: ends_at }))
    }),

  put: async ({ network, endsAt }) => {
    await write((db) =>
      db
        .insertInto('auth_ban')
        .values({ network, ends_at: endsAt })
        .onConflict((conflict) => conflict.column('network').doUpdateSet({ ends_at: endsAt }))
        .execute(),
    )
  },

  remove: async (network) => {
    await write((db) => db.deleteFrom('auth_ban').where('network', '=', network).execute())
  },
})
