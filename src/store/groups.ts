/** Groups with policies of their own, in SQL. The built-in ones are not kept. */
import type { Executor, Log } from './executor.ts'
import type { Db } from './log.ts'
import {
  BUILT_IN_GROUP_IDS,
  BUILT_IN_GROUP_NAMES,
  type Group,
  type GroupId,
  type GroupPolicy,
  type UserId,
} from './model.ts'
import { fromGroup, toGroup, toUser } from './schema.ts'
import type { Groups } from './store.ts'

const builtIn: ReadonlySet<string> = new Set(BUILT_IN_GROUP_IDS)

const ownIds = (ids: Iterable<string>): string[] => [...new Set(ids)].filter((id) => !builtIn.has(id))

/** The form by which names are told apart: what looks the same is the same, and what is not seen does not count. */
const nameKey = (name: string): string =>
  name
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim()
    .toLowerCase()

/** No group is called as a built-in one is, nor as its id. */
const reserved: ReadonlySet<string> = new Set(
  [...BUILT_IN_GROUP_IDS, ...Object.values(BUILT_IN_GROUP_NAMES)].map(nameKey),
)

/** True if every id is that of a group; asked in the transaction that writes them down. */
export const groupsExist = async (db: Db, ids: readonly string[]): Promise<boolean> => {
  const own = ownIds(ids)
  if (own.length === 0) return true
  const rows = await db.selectFrom('auth_group').select('id').where('id', 'in', own).execute()
  return rows.length === own.length
}

/** The policies of groups that are kept, as text. */
export const readPolicies = async (db: Db, ids: Iterable<string>): Promise<GroupPolicy[]> => {
  const own = ownIds(ids)
  if (own.length === 0) return []
  const rows = await db.selectFrom('auth_group').select(['id', 'version', 'policy']).where('id', 'in', own).execute()
  return rows.map(({ id, version, policy }) => ({ id: id as GroupId, version, text: policy }))
}

/** Selects the users in a group, which has to be there: ids have nothing in them that LIKE would read. */
export const inGroup = (db: Db, id: GroupId) => db.selectFrom('auth_user').where('groups', 'like', `%"${id}"%`)

const members = (db: Db, id: GroupId) => inGroup(db, id).selectAll().orderBy('position').execute()

const isTaken = async (db: Db, key: string, by: GroupId): Promise<boolean> =>
  reserved.has(key) ||
  (await db
    .selectFrom('auth_group')
    .select('id')
    .where('name_key', '=', key)
    .where('id', '!=', by)
    .executeTakeFirst()) !== undefined

const logChange = (log: Log, id: GroupId, users: readonly { id: string }[]): void => {
  log({ kind: 'group_changed', subject: id, data: {} })
  for (const user of users) log({ kind: 'user_changed', subject: user.id, data: {} })
}

export const groupStore = ({ read, write }: Executor): Groups => ({
  list: (after, limit) =>
    read(async (db) => {
      const rows = await db
        .selectFrom('auth_group')
        .selectAll()
        .where('position', '>', after)
        .orderBy('position')
        .limit(limit)
        .execute()
      return rows.map(toGroup)
    }),

  byIds: (ids) =>
    read(async (db) => {
      const own = ownIds(ids)
      if (own.length === 0) return []
      const rows = await db.selectFrom('auth_group').selectAll().where('id', 'in', own).orderBy('position').execute()
      return rows.map(toGroup)
    }),

  create: async ({ id, name, policy }) => {
    const { value } = await write(async (db, log) => {
      const key = nameKey(name)
      if (await isTaken(db, key, id)) return 'name_taken' as const
      const { last } = await db
        .selectFrom('auth_group')
        .select((eb) => eb.fn.max('position').as('last'))
        .executeTakeFirstOrThrow()
      const group: Group = { id, name, policy, version: 1, position: (last ?? 0) + 1 }
      await db
        .insertInto('auth_group')
        .values({ ...fromGroup(group), name_key: key })
        .execute()
      logChange(log, id, [])
      return group
    })
    return value
  },

  update: async (id, version, change) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_group').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) return 'not_found' as const
      if (row.version !== version) return 'changed' as const
      const group: Group = { ...toGroup(row), ...change, version: version + 1 }
      const key = nameKey(group.name)
      if (await isTaken(db, key, id)) return 'name_taken' as const
      await db
        .updateTable('auth_group')
        .set({ ...fromGroup(group), name_key: key })
        .where('id', '=', id)
        .execute()
      logChange(log, id, change.policy === undefined ? [] : await members(db, id))
      return group
    })
    return value
  },

  remove: async (id) => {
    const { value } = await write(async (db, log) => {
      const row = await db.selectFrom('auth_group').select('id').where('id', '=', id).executeTakeFirst()
      if (row === undefined) return 'not_found' as const
      const users = await members(db, id)
      for (const user of users) {
        const groups = toUser(user).groups.filter((one) => one !== id)
        await db
          .updateTable('auth_user')
          .set({ groups: JSON.stringify(groups) })
          .where('id', '=', user.id)
          .execute()
      }
      await db.deleteFrom('auth_group').where('id', '=', id).execute()
      logChange(log, id, users)
      return { users: users.map((user) => user.id as UserId) }
    })
    return value
  },
})
