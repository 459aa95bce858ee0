/** The store's promises in SQL, one implementation for every dialect. How a transaction is run is the driver's. */
import type { Clock } from '../clock.ts'
import { approvalStore, removeUnapproved } from './approvals.ts'
import { banStore } from './bans.ts'
import type { Executor } from './executor.ts'
import { groupStore } from './groups.ts'
import { readChanges } from './log.ts'
import { codeStore, flowStore, onboardingStore, placeStore } from './logins.ts'
import { passwordStore } from './passwords.ts'
import type { Store } from './store.ts'
import { tokenStore } from './tokens.ts'
import { Touches } from './touches.ts'
import { userStore } from './users.ts'

/** Codes and flows stay this long past their end, so that a late use is known for what it is. */
const KEEP_PAST_END_MS = 600_000

/** The whole store over one executor. */
export const sqlStore = (name: string, executor: Executor, clock: Clock): Store => {
  const touches = new Touches(executor, clock)
  return {
    name,
    users: { ...userStore(executor), ...approvalStore(executor) },
    groups: groupStore(executor),
    passwords: passwordStore(executor),
    tokens: tokenStore(executor, touches),
    codes: codeStore(executor),
    flows: flowStore(executor),
    places: placeStore(executor),
    onboarding: onboardingStore(executor),
    bans: banStore(executor),
    get condition() {
      return executor.condition
    },
    changes: (from, limit) => executor.read((db) => readChanges(db, from, limit)),
    sweep: async (now) => {
      executor.recover()
      await executor.write(async (db, log) => {
        await db
          .deleteFrom('auth_code')
          .where('expires_at', '<=', now - KEEP_PAST_END_MS)
          .execute()
        await db
          .deleteFrom('auth_flow')
          .where('expires_at', '<=', now - KEEP_PAST_END_MS)
          .execute()
        await db.deleteFrom('auth_ban').where('ends_at', '<=', now).execute()
        await db.deleteFrom('auth_place').where('expires_at', '<=', now).execute()
        await removeUnapproved(db, log, now)
      })
    },
    close: async () => {
      await touches.flush()
      await executor.close()
    },
  }
}
