/**
 * Puts every case to a system: to the one that `npm run live-sockets` names, else to Latchkey over each transport. What a system
 * cannot is skipped with its reason.
 */
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest'
import {
  type Adapter,
  Cannot,
  type Case,
  Impossible,
  type Lifetime,
  type MakeAdapter,
  need,
  type System,
} from './adapter.ts'
import { chapters } from './cases/index.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** The case, the system that it was put to, and what it counted. */
    live?: { readonly id: string; readonly system: string; counted?: string }
  }
}

/** A system in which sockets live as the case asks, or would rather have it. */
const attach = async (adapter: Adapter, { lifetime, rather = 'session' }: Case): Promise<System> => {
  if (lifetime !== undefined) return need(await adapter.attach(lifetime))
  const first = await adapter.attach(rather)
  return first instanceof Cannot ? need(await adapter.attach(rather === 'session' ? 'token' : 'session')) : first
}

const put = async (adapter: Adapter, one: Case, context: TestContext): Promise<void> => {
  const meta: NonNullable<typeof context.task.meta.live> = { id: one.id, system: adapter.name }
  context.task.meta.live = meta
  try {
    const system = await attach(adapter, one)
    try {
      const counted = await one.run(system)
      if (counted !== undefined) meta.counted = counted
    } finally {
      await system.detach()
    }
  } catch (error) {
    if (!(error instanceof Impossible)) throw error
    context.skip(`cannot: ${error.message}`)
  }
}

const ask = (adapter: () => Adapter, timeout: number): void => {
  for (const { name, cases } of chapters) {
    describe(name, () => {
      for (const one of cases) {
        test(`${one.id}. ${one.claim}`, { timeout }, (context) => put(adapter(), one, context))
      }
    })
  }
}

const url = process.env['LATCHKEY_LIVE_URL']

if (url !== undefined) {
  let adapter: Adapter
  describe(`live sockets (${url})`, () => {
    beforeAll(async () => {
      const module = process.env['LATCHKEY_LIVE_ADAPTER']!
      const lifetime = process.env['LATCHKEY_LIVE_LIFETIME'] as Lifetime
      const { default: make } = (await import(pathToFileURL(module).href)) as { default: MakeAdapter }
      adapter = await make({ url, lifetime })
    })
    afterAll(() => adapter.end())
    ask(() => adapter, 900_000)
  })
} else {
  // The sources are not touched where an address was given.
  const { describeTransports } = await import('../transports.ts')
  const { closeRigs } = await import('../rig.ts')
  const { latchkeyFor } = await import('./adapters/latchkey.ts')
  describeTransports('live sockets', (start, transport) => {
    const adapter = latchkeyFor(`Latchkey (${transport})`, start)
    afterAll(async () => {
      await adapter.end()
      await closeRigs()
    })
    ask(() => adapter, 60_000)
  })
}
