/** Tabs that share a session: one of them refreshes, under a lock, and a lock that nobody gives back is not waited for. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Token } from '../../src/client/index.ts'
import { closeRigs, MovableClock, rig, session } from '../rig.ts'
import { counting, queueLocks, REFRESH, sessionOf } from './tools.ts'

afterEach(async () => {
  vi.unstubAllGlobals()
  await closeRigs()
})

interface Options {
  readonly signal: AbortSignal
}

test('of ten tabs that find their token expired at once, one refreshes and the others take what it kept', async () => {
  const { names, navigator } = queueLocks()
  vi.stubGlobal('navigator', navigator)
  const gateway = await rig()
  const tokens = await session(gateway.url)
  const { fetch, asked } = counting()
  let shelf: Token = sessionOf(gateway, tokens).token
  const tabs = Array.from({ length: 10 }, () =>
    sessionOf(gateway, tokens, {
      fetch,
      tokenLoader: () => shelf,
      tokenUpdater: (token) => {
        shelf = token
      },
    }),
  )
  gateway.clock.move(31 * 60_000)
  const given = await Promise.all(tabs.map((tab) => tab.getAccessToken()))
  expect(new Set(given)).toEqual(new Set([shelf.access_token]))
  expect(asked).toEqual([REFRESH])
  expect([...names]).toEqual([`latchkey ${gateway.url} https://example.com/app`])
})

test('a lock that another tab holds for thirty seconds is not waited for any longer', async () => {
  let waits: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => {
    waits = resolve
  })
  const request = (_name: string, { signal }: Options): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      waits()
    })
  vi.stubGlobal('navigator', { locks: { request } })
  const gateway = await rig()
  const clock = new MovableClock()
  const { fetch, asked } = counting()
  const auth = sessionOf(gateway, await session(gateway.url), { fetch, clock })
  const given = auth.replaceAccessToken(auth.token.access_token)
  await waiting
  clock.move(29_999)
  expect(asked).toEqual([])
  clock.move(1)
  expect(await given).toBe(auth.token.access_token)
  expect(asked).toEqual([REFRESH])
})

test('a refresh that fails under the lock is not repeated without it', async () => {
  const request = (_name: string, _options: Options, call: () => Promise<unknown>): Promise<unknown> => call()
  vi.stubGlobal('navigator', { locks: { request } })
  const gateway = await rig()
  const { fetch, asked } = counting()
  const tokens = await session(gateway.url)
  const auth = sessionOf(gateway, tokens, { fetch })
  await sessionOf(gateway, tokens).revoke()
  await expect(auth.replaceAccessToken(auth.token.access_token)).rejects.toMatchObject({ code: 'invalid_grant' })
  expect(asked).toEqual([REFRESH])
})
