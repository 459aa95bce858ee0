/** Grants in SQL: read by batch, made, listed, ended. */
import { always, byList } from './compiled.ts'
import type { Executor, Log } from './executor.ts'
import { groupsExist, inGroup, readPolicies } from './groups.ts'
import { type Db, selectHead } from './log.ts'
import type { GrantId, UserId } from './model.ts'
import { fromToken, toCredential, toToken, toUser } from './schema.ts'
import type { Match, Revoked, Selector, Tokens } from './store.ts'
import type { Touches } from './touches.ts'

/** Ends grants, each with its row in the log. */
export const revokeRows = async (
  rows: readonly { id: string; user_id: string }[],
  db: Db,
  log: Log,
  reason: string,
) => {
  for (const row of rows) {
    await db.deleteFrom('auth_grant').where('id', '=', row.id).execute()
    log({ kind: 'grant_revoked', subject: row.id, data: { user: row.user_id, reason } })
  }
  return rows.map((row) => row.id as GrantId)
}

const selected = (db: Db, selector: Selector) => {
  const all = db.selectFrom('auth_grant').select(['id', 'user_id'])
  if ('secretHash' in selector) return all.where('secret_hash', '=', selector.secretHash)
  const own = all.where('user_id', '=', selector.user)
  if ('grant' in selector) return own.where('id', '=', selector.grant)
  const others = own.where('id', '!=', selector.keep ?? '')
  return selector.type === null ? others : others.where('type', '=', selector.type)
}

const matching = async (db: Db, { grant, user, client, group, before }: Match) => {
  let found = db.selectFrom('auth_grant').selectAll()
  if (grant !== undefined) found = found.where('id', '=', grant)
  if (user !== undefined) found = found.where('user_id', '=', user)
  if (client !== undefined) found = found.where('client_id', '=', client)
  if (before !== undefined) found = found.where('created_at', '<', before)
  if (group === undefined) return found
  // Nobody is in a group that is not there; and the text could be one that LIKE would read.
  if (!(await groupsExist(db, [group]))) return found.where('user_id', 'is', null)
  // In the statement itself: a group may have more members than a statement takes parameters.
  return found.where('user_id', 'in', inGroup(db, group).select('id'))
}

export const tokenStore = ({ read, write }: Executor, touches: Touches): Tokens => {
  const byIds = byList((db, ids: readonly GrantId[]) => db.selectFrom('auth_grant').selectAll().where('id', 'in', ids))
  const usersByIds = byList((db, ids: readonly string[]) =>
    db.selectFrom('auth_user').selectAll().where('id', 'in', ids),
  )
  const credentialsByIds = byList((db, ids: readonly string[]) =>
    db.selectFrom('auth_credential').selectAll().where('id', 'in', ids),
  )
  const head = always(selectHead)

  const grantsOf = async (db: Db, rows: readonly ReturnType<typeof fromToken>[]) => {
    const users = await usersByIds(db, [...new Set(rows.map((row) => row.user_id))])
    const userById = new Map(users.map((row) => [row.id, toUser(row)]))
    const credentials = await credentialsByIds(db, [...new Set(rows.flatMap((row) => row.credential_id ?? []))])
    const credentialById = new Map(credentials.map((row) => [row.id, toCredential(row)]))
    return rows.map((row) => ({
      token: toToken(row),
      // The foreign key promises that there is one.
      user: userById.get(row.user_id)!,
      credential: row.credential_id === null ? null : credentialById.get(row.credential_id)!,
    }))
  }

  return {
    grants: (ids) =>
      read(async (db) => {
        const [newest] = await head(db)
        const rows = await byIds(db, ids)
        const grants = await grantsOf(db, rows)
        return {
          // The log has a row from its beginning.
          head: newest!,
          grants,
          policies: await readPolicies(
            db,
            grants.flatMap(({ user }) => user.groups),
          ),
        }
      }),

    bySecret: (hash) =>
      read(async (db) => {
        const row = await db.selectFrom('auth_grant').selectAll().where('secret_hash', '=', hash).executeTakeFirst()
        return row === undefined ? null : ((await grantsOf(db, [row]))[0] ?? null)
      }),

    create: async (token, by) => {
      const { value } = await write(async (db, log) => {
        // The asking grant and the user are looked at in this transaction: nothing is made on rights that just ended.
        if (by !== null) {
          const asking = await db.selectFrom('auth_grant').select('id').where('id', '=', by).executeTakeFirst()
          if (asking === undefined) return 'revoked' as const
        }
        const user = await db
          .selectFrom('auth_user')
          .select('is_active')
          .where('id', '=', token.userId)
          .executeTakeFirst()
        if (user?.is_active !== 1) return 'user_inactive' as const
        if (token.codeHash !== null) {
          const code = await db
            .selectFrom('auth_code')
            .select('presented')
            .where('hash', '=', token.codeHash)
            .executeTakeFirst()
          if (code?.presented !== 1) return 'code_reused' as const
        }
        if (token.type === 'long_lived_access_token') {
          const same = await db
            .selectFrom('auth_grant')
            .select('id')
            .where('user_id', '=', token.userId)
            .where('type', '=', token.type)
            .where('client_name', '=', token.clientName)
            .executeTakeFirst()
          if (same !== undefined) return 'name_taken' as const
        }
        await db.insertInto('auth_grant').values(fromToken(token)).execute()
        log({ kind: 'grant_added', subject: token.id, data: { user: token.userId } })
        return 'created' as const
      })
      return value
    },

    step: async (id, judge) => {
      const { value } = await write(async (db, log) => {
        const row = await db.selectFrom('auth_grant').selectAll().where('id', '=', id).executeTakeFirst()
        if (row === undefined) return null
        const [grant] = await grantsOf(db, [row])
        const step = judge(grant!)
        if (step.kind === 'advance') {
          const { generation, attempt, answeredAt } = step.rotation
          const uses = { last_used_at: answeredAt, last_used_ip: step.ip, expire_at: step.expireAt }
          await db
            .updateTable('auth_grant')
            .set({ generation, attempt, answered_at: answeredAt, ...uses })
            .where('id', '=', id)
            .execute()
        } else if (step.kind === 'end') {
          await revokeRows([row], db, log, step.reason)
        }
        return { grant: grant!, step }
      })
      return value
    },

    setExpiry: async (id, user, expireAt) => {
      const { value } = await write(async (db, log) => {
        const token = await db
          .selectFrom('auth_grant')
          .select('expire_at')
          .where('id', '=', id)
          .where('user_id', '=', user)
          .executeTakeFirst()
        if (token === undefined) return false
        // An end that is set stays where it is.
        if (expireAt === null || token.expire_at === null) {
          await db.updateTable('auth_grant').set({ expire_at: expireAt }).where('id', '=', id).execute()
          log({ kind: 'grant_changed', subject: id, data: { user } })
        }
        return true
      })
      return value
    },

    list: async (user: UserId) => {
      await touches.flush()
      return read(async (db) => {
        const rows = await db
          .selectFrom('auth_grant')
          .selectAll()
          .where('user_id', '=', user)
          .orderBy('created_at')
          .orderBy('id')
          .execute()
        const grants = await grantsOf(db, rows)
        return grants.map(({ token, credential }) => ({ token, credential }))
      })
    },

    revoke: async (selector): Promise<Revoked> => {
      const { value, seq } = await write(
        async (db, log) => {
          const rows = await selected(db, selector).execute()
          return revokeRows(rows, db, log, 'revoked')
        },
        { vital: true },
      )
      return { seq, grants: value }
    },

    revokeMatching: async (match, keep) => {
      const { value, seq } = await write(
        async (db, log) => {
          const rows = await (await matching(db, match)).where('id', '!=', keep ?? '').execute()
          return revokeRows(rows, db, log, 'revoked')
        },
        { vital: true },
      )
      return { seq, grants: value }
    },

    page: async (match, after, limit) => {
      await touches.flush()
      return read(async (db) => {
        const rows = (await matching(db, match))
          .where((eb) =>
            eb.or([
              eb('created_at', '>', after.createdAt),
              eb.and([eb('created_at', '=', after.createdAt), eb('id', '>', after.id)]),
            ]),
          )
          .orderBy('created_at')
          .orderBy('id')
          .limit(limit)
        return grantsOf(db, await rows.execute())
      })
    },

    reap: async (now, limit): Promise<Revoked> => {
      await touches.flush()
      const { value, seq } = await write(async (db, log) => {
        const rows = await db
          .selectFrom('auth_grant')
          .select(['id', 'user_id'])
          .where('expire_at', '<=', now)
          .limit(limit)
          .execute()
        return revokeRows(rows, db, log, 'expired')
      })
      return { seq, grants: value }
    },

    used: async (id, at, ip, expireAt) => {
      const { value } = await write((db) =>
        db
          .updateTable('auth_grant')
          .set({ last_used_at: at, last_used_ip: ip, expire_at: expireAt })
          .where('id', '=', id)
          .executeTakeFirst(),
      )
      return value.numUpdatedRows === 1n
    },

    touch: (id, at, ip, expireAt) => touches.add(id, { at, ip, expireAt }),
  }
}
