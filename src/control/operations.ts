/** What an operator can do by hand: each operation is its input, checked, and what is done with it, in the store's own words. */
import { z } from 'zod'
import type { PasswordHasher } from '../auth/hashing.ts'
import { createOwner } from '../auth/owner.ts'
import { isWeakPassword, WEAK_PASSWORD } from '../auth/password-rules.ts'
import { LOCAL_TYPE, normalizeUsername, refuseUsername } from '../auth/providers/local.ts'
import { newId } from '../auth/secrets.ts'
import type { TokenRules } from '../auth/tokens.ts'
import type { Clock } from '../clock.ts'
import type { Credential, CredentialId, GrantId, User, UserId } from '../store/model.ts'
import type { Store } from '../store/store.ts'
import { type ApprovalResults, approvalOperations, approvalSchemas } from './approvals.ts'
import { ControlRefused } from './refused.ts'

export interface ControlParts {
  readonly store: Store
  readonly hasher: PasswordHasher
  readonly tokens: Pick<TokenRules, 'longLived'>
  readonly clock: Clock
  /** Who is turned away is known for so long. */
  readonly rejectedMs: number
  /** How many sockets live on a grant; none where no node serves. */
  readonly sockets: (grant: GrantId) => number
  /** Called when the owner was made. */
  readonly ownerMade: () => void
  /** Writes a copy of the database to a new file. */
  readonly copyDatabase: (file: string) => Promise<void>
}

export interface UserRow {
  readonly id: UserId
  readonly username: string | null
  readonly name: string | null
  readonly role: 'owner' | 'admin' | 'user' | 'read-only' | 'system' | 'none'
  readonly active: boolean
  /** null: nobody has to decide about this user. */
  readonly approval: 'pending' | 'rejected' | null
  readonly local_only: boolean
  readonly sessions: number
}

/** A session or a long-lived token. Instants are milliseconds since 1970. */
export interface SessionRow {
  readonly id: GrantId
  readonly user: string
  readonly type: string
  readonly client: string | null
  readonly created_at: number
  readonly last_used_at: number | null
  readonly last_used_ip: string | null
  readonly expire_at: number | null
  readonly sockets: number
}

/** What a revocation did. */
export interface Receipt {
  readonly revoked: number
  readonly sockets_closed: number
}

/** Client ids are for codes; this one's is thrown away. */
const NO_CLIENT = 'http://127.0.0.1/'

const role = (user: User): UserRow['role'] => {
  if (user.systemGenerated) return 'system'
  if (user.isOwner) return 'owner'
  if (user.groups.includes('system-admin')) return 'admin'
  if (user.groups.includes('system-users')) return 'user'
  return user.groups.includes('system-read-only') ? 'read-only' : 'none'
}

const usernameOf = (credentials: readonly Credential[]): string | null =>
  credentials.find(({ providerType }) => providerType === LOCAL_TYPE)?.subject ?? null

const groups = { admin: 'system-admin', user: 'system-users', 'read-only': 'system-read-only' } as const

const userName = z.string().min(1).max(200)
const schemas = {
  ...approvalSchemas,
  'user.add': z.strictObject({
    username: userName,
    name: z.string().max(200).optional(),
    password: z.string().min(1).max(1024),
    role: z.enum(['owner', 'admin', 'user', 'read-only']),
    local_only: z.boolean(),
  }),
  'user.list': z.strictObject({}),
  'user.password': z.strictObject({ user: userName, password: z.string().min(1).max(1024) }),
  'user.activate': z.strictObject({ user: userName }),
  'user.deactivate': z.strictObject({ user: userName }),
  'user.remove': z.strictObject({ user: userName }),
  'token.create': z.strictObject({ user: userName, name: z.string().min(1).max(200), days: z.int().min(1).max(3650) }),
  'session.list': z.strictObject({ user: userName.optional(), type: z.enum(['normal', 'long_lived_access_token']) }),
  'session.revoke': z.union([
    z.strictObject({ id: z.string().min(1).max(64), type: z.enum(['normal', 'long_lived_access_token']) }),
    z.strictObject({ user: userName }),
    z.strictObject({ all: z.literal(true) }),
  ]),
  'database.copy': z.strictObject({ file: z.string().min(1).max(4096) }),
} as const

export type OperationName = keyof typeof schemas
export type OperationInput<N extends OperationName> = z.input<(typeof schemas)[N]>

export interface Results extends ApprovalResults {
  'user.add': { id: UserId }
  'user.list': readonly UserRow[]
  'user.password': Receipt
  'user.activate': null
  'user.deactivate': Receipt
  'user.remove': Receipt
  'token.create': { token: string }
  'session.list': readonly SessionRow[]
  'session.revoke': Receipt
  'database.copy': null
}

export type Control = <N extends OperationName>(name: N, input: OperationInput<N>) => Promise<Results[N]>

type Run<N extends OperationName> = (input: z.output<(typeof schemas)[N]>) => Promise<Results[N]>

/** Throws `ControlRefused` with a sentence for the operator, and what the store throws. */
export const createControl = (parts: ControlParts): Control => {
  const { store, hasher, tokens, clock } = parts

  /** By user name, or by id. */
  const lookUp = async (named: string): Promise<{ user: User; credentials: readonly Credential[] } | null> => {
    const found = await store.users.byCredential(LOCAL_TYPE, null, normalizeUsername(named))
    const user = found?.user ?? (await store.users.byId(named as UserId))
    return user === null ? null : { user, credentials: await store.users.credentials(user.id) }
  }
  const find = async (named: string) => {
    const found = await lookUp(named)
    if (found === null) throw new ControlRefused(`there is no user ${named}; see latchkey user list`)
    return found
  }

  const rows = async (wanted: string | undefined, type: string): Promise<SessionRow[]> => {
    const people = wanted === undefined ? await store.users.list() : [await find(wanted)]
    const all: SessionRow[] = []
    for (const { user, credentials } of people) {
      for (const { token } of await store.tokens.list(user.id)) {
        if (token.type !== type) continue
        all.push({
          id: token.id,
          user: usernameOf(credentials) ?? user.name ?? user.id,
          type: token.type,
          client: token.clientName ?? token.clientId,
          created_at: token.createdAt,
          last_used_at: token.lastUsedAt,
          last_used_ip: token.lastUsedIp,
          expire_at: token.type === 'normal' ? token.expireAt : token.createdAt + token.accessTokenSeconds * 1000,
          sockets: parts.sockets(token.id),
        })
      }
    }
    return all
  }

  /** Sockets that live on a user's grants now, and how many grants there are. */
  const standing = async (user: UserId): Promise<Receipt> => {
    const grants = await store.tokens.list(user)
    const sockets = grants.reduce((sum, { token }) => sum + parts.sockets(token.id), 0)
    return { revoked: grants.length, sockets_closed: sockets }
  }

  const revokeUser = async (user: UserId): Promise<Receipt> => {
    const { sockets_closed } = await standing(user)
    const { grants } = await store.tokens.revoke({ user, type: null, keep: null })
    return { revoked: grants.length, sockets_closed }
  }

  const operations: { readonly [N in OperationName]: Run<N> } = {
    ...approvalOperations(parts, lookUp),

    'user.add': async ({ username, name = username, password, role: wanted, local_only }) => {
      if (wanted === 'owner') {
        const made = await createOwner(store, hasher, clock, 0, { name, username, password, clientId: NO_CLIENT })
        if (made === 'taken') throw new ControlRefused('there is an owner already; add others with --role')
        if ('refused' in made) throw new ControlRefused(made.refused)
        parts.ownerMade()
        return { id: (await find(username)).user.id }
      }
      if (!(await store.users.any())) {
        throw new ControlRefused('there is no owner yet, who has to be the first: add --role owner')
      }
      const refused = refuseUsername(username)
      if (refused !== null) throw new ControlRefused(refused)
      if ((await store.passwords.hash(username)) !== null)
        throw new ControlRefused(`the user name ${username} is taken`)
      if (await isWeakPassword(password, username)) throw new ControlRefused(WEAK_PASSWORD)
      const user: User = {
        id: newId<UserId>(),
        name,
        isOwner: false,
        isActive: true,
        localOnly: local_only,
        systemGenerated: false,
        groups: [groups[wanted]],
      }
      const credential = {
        id: newId<CredentialId>(),
        userId: user.id,
        providerType: LOCAL_TYPE,
        providerId: null,
        subject: username,
      }
      const hash = await hasher.hash(password)
      await store.users.create(user)
      if ((await store.passwords.add(credential, hash)) !== 'added') {
        // Somebody took the name in between: nothing half made is left.
        await store.users.remove(user.id)
        throw new ControlRefused(`the user name ${username} is taken`)
      }
      return { id: user.id }
    },

    'user.list': async () =>
      Promise.all(
        (await store.users.list()).map(async ({ user, credentials }) => ({
          id: user.id,
          username: usernameOf(credentials),
          name: user.name,
          role: role(user),
          active: user.isActive,
          approval: user.approval?.state ?? null,
          local_only: user.localOnly,
          sessions: (await store.tokens.list(user.id)).length,
        })),
      ),

    'user.password': async ({ user: named, password }) => {
      const { user } = await find(named)
      const receipt = await standing(user.id)
      const local = (await store.users.credentials(user.id)).find(({ providerType }) => providerType === LOCAL_TYPE)
      if (local !== undefined && (await isWeakPassword(password, local.subject)))
        throw new ControlRefused(WEAK_PASSWORD)
      switch (await store.passwords.set(user.id, await hasher.hash(password), null)) {
        case 'no_credential':
          throw new ControlRefused(`${named} has no user name and password`)
        case 'user_not_found':
          throw new ControlRefused(`there is no user ${named}; see latchkey user list`)
        case 'set':
          return receipt
      }
    },

    'user.activate': async ({ user: named }) => {
      const { user } = await find(named)
      if ((await store.users.update(user.id, { isActive: true })) === 'system_generated') {
        throw new ControlRefused('a user of the system itself is not changed')
      }
      return null
    },

    'user.deactivate': async ({ user: named }) => {
      const { user } = await find(named)
      const receipt = await standing(user.id)
      const outcome = await store.users.update(user.id, { isActive: false })
      if (outcome === 'owner') throw new ControlRefused('the owner stays active')
      if (outcome === 'system_generated') throw new ControlRefused('a user of the system itself is not changed')
      return receipt
    },

    'user.remove': async ({ user: named }) => {
      const { user } = await find(named)
      const receipt = await standing(user.id)
      if ((await store.users.remove(user.id)) === 'owner') throw new ControlRefused('the owner cannot be removed')
      return receipt
    },

    'token.create': async ({ user: named, name, days }) => {
      const { user } = await find(named)
      const outcome = await tokens.longLived({ userId: user.id, grantId: null }, name, null, days)
      if ('token' in outcome) return outcome
      throw new ControlRefused(
        outcome.error === 'name_taken'
          ? `${named} has a token named ${name} already; revoke it first, or choose another --name`
          : `${named} is not active; see latchkey user activate`,
      )
    },

    'session.list': ({ user, type }) => rows(user, type),

    'session.revoke': async (input) => {
      if ('user' in input) return revokeUser((await find(input.user)).user.id)
      if ('all' in input) {
        const receipts: Receipt[] = []
        for (const { user } of await store.users.list()) receipts.push(await revokeUser(user.id))
        const sum = (of: keyof Receipt): number => receipts.reduce((total, receipt) => total + receipt[of], 0)
        return { revoked: sum('revoked'), sockets_closed: sum('sockets_closed') }
      }
      const id = input.id as GrantId
      const [grant] = (await store.tokens.grants([id])).grants
      if (grant === undefined || grant.token.type !== input.type) {
        const [what, command] = input.type === 'normal' ? ['session', 'session'] : ['token', 'token']
        throw new ControlRefused(`there is no ${what} ${id}; see latchkey ${command} list`)
      }
      const sockets_closed = parts.sockets(id)
      const { grants } = await store.tokens.revoke({ grant: id, user: grant.user.id })
      return { revoked: grants.length, sockets_closed }
    },

    'database.copy': async ({ file }) => {
      await parts.copyDatabase(file)
      return null
    },
  }

  return async (name, input) => {
    if (!Object.hasOwn(schemas, name))
      throw new ControlRefused('no such operation: the command and the node are of different versions')
    const parsed = (schemas[name] as z.ZodType).safeParse(input)
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues as [z.core.$ZodIssue]
      throw new ControlRefused(`${path.join('.') || 'input'}: ${message}`)
    }
    return (operations[name] as (input: unknown) => Promise<never>)(parsed.data)
  }
}
