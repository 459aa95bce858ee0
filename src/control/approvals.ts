/** What an operator does about people who are not let in yet: approve, reject, and give out passwords that are nobody's. */
import { z } from 'zod'
import type { PasswordHasher } from '../auth/hashing.ts'
import { isWeakPassword, WEAK_PASSWORD } from '../auth/password-rules.ts'
import { normalizeUsername, refuseUsername } from '../auth/providers/local.ts'
import type { Clock } from '../clock.ts'
import type { User, UserId } from '../store/model.ts'
import type { Store } from '../store/store.ts'
import { ControlRefused } from './refused.ts'

const name = z.string().min(1).max(200)
const user = z.strictObject({ user: name })

export const approvalSchemas = {
  'user.approve': user,
  'user.reject': user,
  'credential.add': z.strictObject({ username: name, password: z.string().min(1).max(1024) }),
  'credential.list': z.strictObject({}),
  'credential.remove': z.strictObject({ username: name }),
} as const

export interface ApprovalResults {
  'user.approve': null
  'user.reject': null
  'credential.add': null
  'credential.list': readonly { readonly username: string }[]
  'credential.remove': null
}

export interface ApprovalParts {
  readonly store: Store
  readonly hasher: PasswordHasher
  readonly clock: Clock
  /** Who is turned away is known for so long. */
  readonly rejectedMs: number
}

type Operations = {
  readonly [N in keyof ApprovalResults]: (input: z.output<(typeof approvalSchemas)[N]>) => Promise<ApprovalResults[N]>
}

export const approvalOperations = (
  { store, hasher, clock, rejectedMs }: ApprovalParts,
  find: (named: string) => Promise<{ readonly user: User } | null>,
): Operations => {
  const isUnused = async (username: string): Promise<boolean> => (await store.passwords.unused()).includes(username)

  /** The user who is decided about. */
  const newcomer = async (named: string): Promise<UserId> => {
    const found = await find(named)
    if (found !== null) return found.user.id
    throw new ControlRefused(
      (await isUnused(normalizeUsername(named)))
        ? `${named} has not logged in yet; the first login makes the user`
        : `there is no user ${named}; see latchkey user list`,
    )
  }

  const decided = (outcome: User | 'not_found' | 'not_pending', named: string): null => {
    if (outcome === 'not_found') throw new ControlRefused(`there is no user ${named}; see latchkey user list`)
    if (outcome === 'not_pending') throw new ControlRefused(`${named} does not wait for approval`)
    return null
  }

  return {
    'user.approve': async ({ user: named }) => decided(await store.users.approve(await newcomer(named)), named),

    'user.reject': async ({ user: named }) =>
      decided(await store.users.reject(await newcomer(named), clock.now() + rejectedMs), named),

    'credential.add': async ({ username, password }) => {
      if (!(await store.users.any())) {
        throw new ControlRefused('there is no owner yet, who has to be the first: latchkey user add --role owner')
      }
      const refused = refuseUsername(username)
      if (refused !== null) throw new ControlRefused(refused)
      if ((await store.passwords.hash(username)) !== null)
        throw new ControlRefused(`the user name ${username} is taken`)
      if (await isWeakPassword(password, username)) throw new ControlRefused(WEAK_PASSWORD)
      if ((await store.passwords.keep(username, await hasher.hash(password))) === 'username_taken')
        throw new ControlRefused(`the user name ${username} is taken`)
      return null
    },

    'credential.list': async () => (await store.passwords.unused()).map((username) => ({ username })),

    'credential.remove': async ({ username: given }) => {
      const username = normalizeUsername(given)
      if (!(await isUnused(username))) {
        throw new ControlRefused(
          (await store.passwords.hash(username)) === null
            ? `there is no user name ${username}; see latchkey credential list`
            : `${username} is somebody's; see latchkey user remove`,
        )
      }
      await store.passwords.remove(username)
      return null
    },
  }
}
