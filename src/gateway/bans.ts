/** Answers to the commands about bans. */
import type { Bans } from '../auth/bans.ts'
import type { BanCommands } from '../protocol/bans.ts'
import type { Store } from '../store/store.ts'
import { type Handlers, Refusal } from './dispatch.ts'

const PAGE = 200

export const banHandlers = (bans: Bans, kept: Store['bans']): Handlers<BanCommands> => ({
  'config/auth/bans/list': (_, { limit = PAGE, after = '' }) => {
    const rest = bans.list().filter(({ network }) => network > after)
    const items = rest
      .slice(0, limit)
      .map(({ network, endsAt }) => ({ network, ends_at: new Date(endsAt).toISOString() }))
    return { items, next: rest.length > limit ? items.at(-1)!.network : null }
  },

  'config/auth/bans/delete': async (_, { network }) => {
    const lifted = bans.lift(network)
    await kept.remove(network)
    return lifted ? null : new Refusal('not_found')
  },
})
