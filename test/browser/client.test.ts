/** The client library in the tabs of a real browser: sleep, lost networks, restarts, and the end of a session. */
import type { BrowserContext } from '@playwright/test'
import { afterEach, expect, test } from 'vitest'
import type { Token } from '../../src/client/index.ts'
import { metric } from '../gateway/metric.ts'
import { cleanUp, newFolder, serve } from '../process/child.ts'
import { exchange, grantOf, logIn, onboard, postForm, type RigSettings, rig, session, type Tokens } from '../rig.ts'
import { eachTransport, type TransportName } from '../transports.ts'
import { describeInBrowser } from './browser.ts'
import { onlyLosses, type Tab, tabbedApplication } from './tabs.ts'
import { type Wire, wireTo } from './wire.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

const REFRESH = 'POST /auth/token'
const refreshes = (wire: Wire): number => wire.asked.filter((request) => request === REFRESH).length

/** What the token endpoint gave, as the library keeps it, with a generation if there is one. */
const kept = (tokens: Tokens & { readonly generation?: number }): Token => ({
  ...tokens,
  expires_at: Date.now() + tokens.expires_in * SECOND,
})

/** Another session of the same user, which every tab of theirs hears of. Resolves to its id. */
const anotherLogin = async (url: string): Promise<string> =>
  grantOf((await exchange(url, await logIn(url))).access_token)

const revoke = async (url: string, { refresh_token }: Tokens): Promise<void> => {
  expect((await postForm(`${url}/auth/revoke`, { token: refresh_token })).status).toBe(200)
}

interface SessionKind {
  readonly rotates?: boolean
  /** False: as in a browser that has no Web Locks. */
  readonly locks?: boolean
}

/** A session at the address of a gateway, the network to it, and an application with tabs. */
const sessionAt = async (url: string, { rotates = false, locks = true }: SessionKind = {}) => {
  const app = await tabbedApplication()
  if (!locks) await app.context.addInitScript("Object.defineProperty(navigator, 'locks', { value: undefined })")
  const code = await logIn(url, app.clientId, `${app.clientId}callback`)
  const fields = {
    grant_type: 'authorization_code',
    code,
    client_id: app.clientId,
    ...(rotates ? { rotate: '1' } : {}),
  }
  const tokens = (await (await postForm(`${url}/auth/token`, fields)).json()) as Tokens
  const wire = await wireTo(url)
  const first = await app.open(wire.url, kept(tokens))
  await first.until('open')
  const more = async (): Promise<Tab> => {
    const tab = await app.open(wire.url)
    await tab.until('open')
    return tab
  }
  return { ...app, tokens, wire, first, more }
}

/** The tabs hear of a login that happens now, and of no other before it. */
const hear = async (tabs: readonly Tab[], url: string): Promise<void> => {
  // Their subscriptions were sent before this, and are answered before it.
  for (const tab of tabs) await tab.command('ping')
  const id = await anotherLogin(url)
  for (const tab of tabs) {
    expect((await tab.until('event')).event).toMatchObject({ type: 'session_added', refresh_token_id: id })
  }
}

/** Time stands still in all tabs, until it is moved: what they do then they do without it. */
const stopTime = async ({ clock }: BrowserContext): Promise<void> => clock.pauseAt(Date.now() + 5 * SECOND)

/** All come back, each when its own time to wait is over and not before. */
const comeBack = async ({ clock }: BrowserContext, tabs: readonly Tab[]): Promise<void> => {
  const waits = await Promise.all(tabs.map(async (tab) => ({ tab, ms: (await tab.until('waiting')).ms })))
  let passed = 0
  for (const { tab, ms } of waits.sort((a, b) => a.ms - b.ms)) {
    await clock.runFor(Math.max(0, Math.floor(ms) - 1 - passed))
    passed = Math.max(passed, Math.floor(ms) - 1)
    expect(tab.notes.at(-1)?.told).toBe('waiting')
    await clock.runFor(2)
    passed += 2
    expect(await tab.until('open')).toMatchObject({ again: true })
  }
}

const onTransport = (transport: TransportName): void => {
  const begin = async (settings: RigSettings = {}, kind: SessionKind = {}) => {
    const gateway = await rig({ 'server.transport': transport, ...settings })
    await onboard(gateway.url)
    return { gateway, ...(await sessionAt(gateway.url, kind)) }
  }

  test('two tabs whose sockets end with their token refresh once, and hear on', async () => {
    const { gateway, wire, first, more, wrong } = await begin({ 'sessions.socket_lifetime': 'access_token' })
    const tabs = [first, await more()]
    const before = await first.kept()
    const held = wire.hold(REFRESH)
    gateway.clock.move(31 * MINUTE)
    for (const tab of tabs) expect((await tab.until('waiting')).error).toMatchObject({ code: 4100 })
    // The refresh is let through when both tabs know that they need one.
    const letThrough = await held
    for (const tab of tabs) await tab.until('connecting')
    letThrough()
    for (const tab of tabs) expect(await tab.until('open')).toMatchObject({ again: true })
    await hear(tabs, gateway.url)
    expect(await metric(gateway, 'latchkey_token_requests_total{grant_type="refresh_token",outcome="ok"}')).toBe(1)
    expect((await first.kept())?.access_token).not.toBe(before?.access_token)
    onlyLosses(wrong)
  })

  test.each([true, false])(
    'two tabs of a rotating session send one attempt; with Web Locks: %s (C19)',
    async (locks) => {
      const lifetime = { 'sessions.socket_lifetime': 'access_token' }
      const { gateway, wire, context, first, more, wrong } = await begin(lifetime, { rotates: true, locks })
      const tabs = [first, await more()]
      const sent: (string | null)[] = []
      let asked: () => void = () => undefined
      context.on('request', (request) => {
        if (request.method() === 'POST') sent.push(new URLSearchParams(request.postData() ?? '').get('attempt'))
        asked()
      })
      const held = wire.hold(REFRESH)
      gateway.clock.move(31 * MINUTE)
      for (const tab of tabs) await tab.until('waiting')
      // Nothing is answered before both want a token: with locks one of them waits for the other, without them both ask.
      const letThrough = await held
      for (const tab of tabs) await tab.until('connecting')
      while (!locks && sent.length < 2) {
        await new Promise<void>((resolve) => {
          asked = resolve
        })
      }
      letThrough()
      for (const tab of tabs) expect(await tab.until('open')).toMatchObject({ again: true })
      await hear(tabs, gateway.url)
      expect(new Set(sent)).toEqual(new Set([expect.stringMatching(/^[A-Za-z0-9_-]{22,}$/)]))
      expect(sent).toHaveLength(locks ? 1 : 2)
      for (const tab of tabs) expect(await tab.kept()).toMatchObject({ generation: 1 })
      expect(await first.page.evaluate('navigator.locks !== undefined')).toBe(locks)
      onlyLosses(wrong)
    },
  )

  test('a laptop that slept until its token had expired comes back by itself, with its subscription', async () => {
    const { gateway, wire, context, first, wrong } = await begin()
    // Asleep: no timer runs, and the network is gone without a word.
    await stopTime(context)
    wire.lose()
    gateway.clock.move(31 * MINUTE)
    await anotherLogin(gateway.url)
    await wire.mend()
    // It asks whether its socket lives, and is not answered.
    await context.clock.fastForward(31 * MINUTE)
    await context.clock.fastForward(10 * SECOND)
    const { ms, error } = await first.until('waiting')
    expect(error).toMatchObject({ name: 'SocketClosed', code: 1006 })
    expect(ms).toBeLessThan(SECOND)
    await context.clock.fastForward(SECOND)
    expect(await first.until('open')).toMatchObject({ again: true })
    await hear([first], gateway.url)
    expect(refreshes(wire)).toBe(1)
    onlyLosses(wrong)
  })

  test('a restart sends three tabs away, each for a time of its own, and all come back', async () => {
    const { gateway, context, first, more, wrong } = await begin()
    const tabs = [first, await more(), await more()]
    await stopTime(context)
    await gateway.restart()
    const missed = await anotherLogin(gateway.url)
    await comeBack(context, tabs)
    await hear(tabs, gateway.url)
    const waits = tabs.map(({ notes }) => notes.filter((note) => note.told === 'waiting'))
    expect(waits.map((of) => of.map(({ error }) => error.code))).toEqual([[4000], [4000], [4000]])
    // What the server asks for, and a second of their own.
    for (const [wait] of waits) expect(wait!.ms).toBeLessThan(11 * SECOND)
    expect(new Set(waits.map(([wait]) => wait!.ms)).size).toBe(3)
    // Nobody was told what happened between, but everybody that something may have.
    expect(JSON.stringify(tabs.map(({ notes }) => notes))).not.toContain(missed)
    onlyLosses(wrong)
  })

  test('a session that is revoked while there is no network ends with the first answer, and nothing is asked again', async () => {
    const { gateway, wire, context, first, more, tokens, wrong } = await begin()
    const tabs = [first, await more()]
    await stopTime(context)
    await wire.cut()
    for (const tab of tabs) expect((await tab.until('waiting')).error).toMatchObject({ code: 1006 })
    await revoke(gateway.url, tokens)
    await wire.mend()
    await context.clock.runFor(SECOND)
    for (const tab of tabs) {
      expect(await tab.until('closed')).toMatchObject({
        next: 'login',
        cause: { name: 'TokenRefused', code: 'invalid_grant' },
      })
      expect(await tab.command('ping')).toMatchObject({ name: 'ConnectionEnded' })
    }
    const asked = wire.asked.length
    await context.clock.runFor(10 * MINUTE)
    expect(wire.asked.length).toBe(asked)
    for (const { notes } of tabs) expect(notes.at(-1)?.told).toBe('closed')
    onlyLosses(wrong)
  })

  test('a session that is revoked ends in all its tabs at once, and in no other’s', async () => {
    const { gateway, wire, context, openWith, first, more, tokens } = await begin()
    const tabs = [first, await more()]
    const other = await openWith(wire.url, (await exchange(gateway.url, await logIn(gateway.url))).access_token)
    // No timer has a part in it.
    await stopTime(context)
    await revoke(gateway.url, tokens)
    for (const tab of tabs) {
      expect(await tab.until('closed')).toMatchObject({ next: 'login', cause: { name: 'SocketClosed', code: 4200 } })
    }
    expect((await other.until('event')).event).toMatchObject({
      type: 'session_removed',
      refresh_token_id: grantOf(tokens.access_token),
    })
    expect(await other.command('ping')).toBe(null)
    await other.page.close()
    const asked = wire.asked.length
    await context.clock.runFor(10 * MINUTE)
    expect(wire.asked.slice(asked)).toEqual([])
  })

  test('a page of a foreign origin comes in by its token; answers to requests it reads where its origin is allowed', async () => {
    const app = await tabbedApplication()
    const origin = new URL(app.clientId).origin
    const come = async (settings: RigSettings) => {
      const { url } = await rig({ 'server.transport': transport, ...settings })
      expect(new URL(url).origin).not.toBe(origin)
      const tab = await app.openWith(url, (await session(url)).access_token)
      await hear([tab], url)
      return tab
    }
    const login = { handler: ['homeassistant', null], client_id: app.clientId }
    const foreign = await come({})
    expect(await foreign.command('auth/login_flow', login)).toMatchObject({ code: 'unauthorized' })
    await expect(foreign.request('/api/')).rejects.toThrow('Failed to fetch')
    expect(app.wrong.splice(0).join()).toContain('has been blocked by CORS policy')
    const allowed = await come({ 'server.allowed_origins': origin })
    expect(await allowed.command('auth/login_flow', login)).toMatchObject({ type: 'form' })
    expect(await allowed.request('/api/')).toBe(200)
  })

  test('a server that is killed and started again has all its tabs back', async () => {
    const folder = newFolder()
    const start = (port = '0') => serve(folder, ['--transport', transport, '--port', port])
    const { child, url } = await start()
    await onboard(url)
    const { wire, context, first, more, wrong } = await sessionAt(url)
    const tabs = [first, await more(), await more()]
    await stopTime(context)
    await child.kill('SIGKILL')
    await start(new URL(url).port)
    await comeBack(context, tabs)
    await hear(tabs, url)
    expect(refreshes(wire)).toBe(0)
    onlyLosses(wrong)
  })
}

describeInBrowser('the client library in a browser', () => {
  afterEach(cleanUp)
  eachTransport((what) => what, onTransport)
})
