/** Login flows and authorization codes in SQL. */
import type { Executor } from './executor.ts'
import type { Db } from './log.ts'
import type { Digest } from './model.ts'
import { fromCode, fromFlow, toCode, toFlow } from './schema.ts'
import type { Codes, Flows, Onboarding, Places } from './store.ts'
import { revokeRows } from './tokens.ts'

export const codeStore = ({ write }: Executor): Codes => ({
  put: async (code) => {
    await write((db) => db.insertInto('auth_code').values(fromCode(code)).execute())
  },

  take: async (hash: Digest) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_code').selectAll().where('hash', '=', hash).executeTakeFirst()
      if (row === undefined) return null
      const again = row.presented > 0
      await db
        .updateTable('auth_code')
        .set({ presented: again ? 2 : 1 })
        .where('hash', '=', hash)
        .execute()
      if (!again) return toCode(row)
      const rows = await db.selectFrom('auth_grant').select(['id', 'user_id']).where('code_hash', '=', hash).execute()
      await revokeRows(rows, db, log, 'code_reused')
      return 'reused' as const
    })
    return value
  },
})

/** Removes a network's oldest open flow that nobody has typed into. False: there is none. */
const evict = async (db: Db, network: string, now: number): Promise<boolean> => {
  const oldest = await db
    .selectFrom('auth_flow')
    .select('id')
    .where('network', '=', network)
    .where('version', '=', 0)
    .where('expires_at', '>', now)
    .orderBy('expires_at')
    .limit(1)
    .executeTakeFirst()
  if (oldest === undefined) return false
  await db.deleteFrom('auth_flow').where('id', '=', oldest.id).execute()
  return true
}

/** An account is known to at most so many places; the one that was used longest ago is forgotten first. */
const PLACES = 100

export const placeStore = ({ read, write }: Executor): Places => ({
  until: (username, network) =>
    read(async (db) => {
      const row = await db
        .selectFrom('auth_place')
        .select('expires_at')
        .where('username', '=', username)
        .where('network', '=', network)
        .executeTakeFirst()
      return row?.expires_at ?? 0
    }),

  note: async (username, network, expiresAt) => {
    await write(async (db) => {
      await db
        .insertInto('auth_place')
        .values({ username, network, expires_at: expiresAt })
        .onConflict((conflict) => conflict.columns(['username', 'network']).doUpdateSet({ expires_at: expiresAt }))
        .execute()
      const kept = db
        .selectFrom('auth_place')
        .select('network')
        .where('username', '=', username)
        .orderBy('expires_at', 'desc')
        .limit(PLACES)
      await db.deleteFrom('auth_place').where('username', '=', username).where('network', 'not in', kept).execute()
    })
  },
})

export const flowStore = ({ read, write }: Executor): Flows => ({
  put: async (flow, caps, now) => {
    const begin = async (db: Db) => {
      const open = db
        .selectFrom('auth_flow')
        .select((eb) => eb.fn.countAll().as('n'))
        .where('expires_at', '>', now)
      const here = await open.where('network', '=', flow.network).executeTakeFirstOrThrow()
      if (Number(here.n) >= caps.perNetwork) {
        if (!(await evict(db, flow.network, now))) return 'full' as const
      } else {
        const total = await open.executeTakeFirstOrThrow()
        if (Number(total.n) >= caps.total) {
          const greediest = await open
            .select('network')
            .where('version', '=', 0)
            .groupBy('network')
            .orderBy('n', 'desc')
            .limit(1)
            .executeTakeFirst()
          if (greediest === undefined || !(await evict(db, greediest.network, now))) return 'full' as const
        }
      }
      await db.insertInto('auth_flow').values(fromFlow(flow)).execute()
      return 'kept' as const
    }
    // A login that has only begun: after a loss of power its person begins another.
    const { value } = await write(begin, { passing: true })
    return value
  },

  get: (id) =>
    read(async (db) => {
      const row = await db.selectFrom('auth_flow').selectAll().where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : toFlow(row)
    }),

  replace: async (flow) => {
    const { value } = await write((db) =>
      db
        .updateTable('auth_flow')
        .set(fromFlow(flow))
        .where('id', '=', flow.id)
        .where('version', '=', flow.version - 1)
        .executeTakeFirst(),
    )
    return value.numUpdatedRows === 1n
  },

  finish: async (flow, code) => {
    const { value } = await write(async (db) => {
      const { numDeletedRows } = await db
        .deleteFrom('auth_flow')
        .where('id', '=', flow.id)
        .where('version', '=', flow.version)
        .executeTakeFirst()
      if (numDeletedRows !== 1n) return false
      if (code !== null) await db.insertInto('auth_code').values(fromCode(code)).execute()
      return true
    })
    return value
  },

  remove: async (id) => {
    const { value } = await write((db) => db.deleteFrom('auth_flow').where('id', '=', id).executeTakeFirst())
    return value.numDeletedRows === 1n
  },
})

export const onboardingStore = ({ read, write }: Executor): Onboarding => ({
  done: () =>
    read(async (db) => {
      const rows = await db.selectFrom('auth_onboarding').select('step').execute()
      return rows.map(({ step }) => step)
    }),

  mark: async (step) => {
    const { value } = await write((db) =>
      db
        .insertInto('auth_onboarding')
        .values({ step })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst(),
    )
    return value.numInsertedOrUpdatedRows === 1n
  },
})
