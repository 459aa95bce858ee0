/** External authentication: a page without a token of its own, and the app around it, over each of the three bridges. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  createExternalApp,
  type ExternalApp,
  ExternalAuth,
  type ExternalWindow,
  hasExternalApp,
  type OAuth2Session,
} from '../../src/client/index.ts'
import { authenticated, closeRigs, MovableClock, type Rig, rig, session } from '../rig.ts'
import { closeConnections, counting, REFRESH, refusal, sessionOf, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeRigs()
})

type Bridge = 'externalAppV2' | 'externalApp' | 'webkit'
const BRIDGES: readonly Bridge[] = ['externalAppV2', 'externalApp', 'webkit']

interface Shown {
  readonly window: ExternalWindow
  /** What the page said, parsed, and what the app ran in the page. */
  readonly said: unknown[]
  readonly ran: string[]
}

/** A window with a bridge to an app. `answers` may make the app silent. */
const show = (bridge: Bridge, app: (run: (script: string) => void) => ExternalApp): Shown => {
  const said: unknown[] = []
  const ran: string[] = []
  const window: Record<string, unknown> = {}
  const native = app((script) => {
    ran.push(script)
    new Function('window', script)(window)
  })
  const hear = (listen: (message: unknown) => boolean) => (message: unknown) => {
    said.push(typeof message === 'string' ? JSON.parse(message) : message)
    listen(message)
  }
  const { postMessage, getExternalAuth, revokeExternalAuth } = native
  window[bridge] = {
    externalAppV2: { postMessage: hear(postMessage) },
    externalApp: { getExternalAuth: hear(getExternalAuth), revokeExternalAuth: hear(revokeExternalAuth) },
    webkit: {
      messageHandlers: {
        getExternalAuth: { postMessage: hear(getExternalAuth) },
        revokeExternalAuth: { postMessage: hear(revokeExternalAuth) },
      },
    },
  }[bridge]
  return { window: window as ExternalWindow, said, ran }
}

/** The app: it holds the session, and gives the page what the session has. */
const appOf =
  (auth: OAuth2Session) =>
  (run: (script: string) => void): ExternalApp =>
    createExternalApp({
      run,
      getToken: async (force) => {
        const token = await auth.getAccessToken()
        const given = force ? await auth.replaceAccessToken(token) : token
        return { access_token: given, expires_in: 1800 }
      },
      revoke: () => auth.revoke(),
    })

const begin = async (bridge: Bridge) => {
  const gateway = await rig()
  const tokens = await session(gateway.url)
  const { fetch: counted, asked } = counting()
  const auth = sessionOf(gateway, tokens, { fetch: counted })
  const shown = show(bridge, appOf(auth))
  const page = new ExternalAuth({ fetch, host: gateway.url, window: shown.window, clock: gateway.clock })
  return { gateway, tokens, asked, page, ...shown }
}

/** What the page says for a method over a bridge: only V2 names the method in its message. */
const message = (bridge: Bridge, type: string, payload: object) =>
  bridge === 'externalAppV2' ? { type, payload } : payload

describe.each(BRIDGES)('over %s', (bridge) => {
  const ask = message(bridge, 'getExternalAuth', { callback: 'externalAuthSetToken' })
  const force = message(bridge, 'getExternalAuth', { callback: 'externalAuthSetToken', force: true })

  test('the page asks when it first needs a token, once for all who need it, and again when that has expired', async () => {
    const { gateway, page, said } = await begin(bridge)
    expect(said).toEqual([])
    const answers = await Promise.all(Array.from({ length: 5 }, () => page.request('GET', '/api/')))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(said).toEqual([ask])
    gateway.clock.move(1_791_000)
    expect((await page.request('GET', '/api/')).status).toBe(200)
    expect(said).toEqual([ask, ask])
  })

  test('a token that the server refuses is asked for by force, and the connection comes in', async () => {
    const { gateway, tokens, asked, said, window } = await begin(bridge)
    const page = new ExternalAuth({ fetch, host: gateway.url, window, clock: new MovableClock() })
    await page.getAccessToken()
    // For the server it is over, for the page it is not.
    gateway.clock.move(31 * 60_000)
    const { connection } = watch(page)
    expect(await connection.command('ping', {})).toBeNull()
    expect(said).toEqual([ask, force])
    expect(asked.filter((path) => path === REFRESH).length).toBeGreaterThan(0)
    expect(await page.getAccessToken()).not.toBe(tokens.access_token)
  })

  test('a log-out of the page ends the session', async () => {
    const { gateway, tokens, page, said, ran } = await begin(bridge)
    const raw = await authenticated(gateway.url, tokens.access_token)
    await Promise.all([page.revoke(), page.revoke()])
    expect((await raw.closed).code).toBe(4200)
    expect(said).toEqual([message(bridge, 'revokeExternalAuth', { callback: 'externalAuthRevokeToken' })])
    expect(ran).toEqual(['window.externalAuthRevokeToken(true)'])
    // By then the app has no token: the page is told so.
    expect(await refusal(page.getAccessToken())).toMatchObject({ name: 'TokenUnavailable' })
    expect(await refusal(page.replaceAccessToken(tokens.access_token))).toMatchObject({ code: 'access_denied' })
  })

  test('a log-out that the app could not do is told', async () => {
    const { gateway, page, ran } = await begin(bridge)
    await gateway.stop()
    expect(await refusal(page.revoke())).toMatchObject({ name: 'TokenUnavailable' })
    expect(ran).toEqual(['window.externalAuthRevokeToken(false)'])
  })
})

describe('the page', () => {
  /** An app that answers when the test says so. */
  const silent = ({ url }: Pick<Rig, 'url'> = { url: 'http://127.0.0.1:1' }) => {
    const asked: { force: boolean; answer: (token: { access_token: string; expires_in: number } | null) => void }[] = []
    const shown = show('externalApp', (run) =>
      createExternalApp({
        run,
        getToken: (force) => new Promise((answer) => asked.push({ force, answer })),
        revoke: () => new Promise(() => undefined),
      }),
    )
    const clock = new MovableClock()
    return { ...shown, asked, clock, page: new ExternalAuth({ fetch, host: url, window: shown.window, clock }) }
  }
  /** The app answers in a later turn. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  test('that has to have another token waits for the question that is under way, and asks only if it brings no other', async () => {
    const { page, asked } = silent()
    const first = page.getAccessToken()
    const forced = page.replaceAccessToken('refused')
    const alsoForced = page.replaceAccessToken('refused')
    expect(asked.map(({ force }) => force)).toEqual([false])
    asked[0]!.answer({ access_token: 'refused', expires_in: 60 })
    expect(await first).toBe('refused')
    await turn()
    expect(asked.map(({ force }) => force)).toEqual([false, true])
    asked[1]!.answer({ access_token: 'other', expires_in: 60 })
    expect(await Promise.all([forced, alsoForced])).toEqual(['other', 'other'])
    expect(await page.replaceAccessToken('refused')).toBe('other')
    expect(asked).toHaveLength(2)
  })

  test('gives up after thirty seconds, and may ask again', async () => {
    const { page, asked, clock } = silent()
    const first = refusal(page.getAccessToken())
    const revoked = refusal(page.revoke())
    clock.move(30_000)
    expect(await first).toMatchObject({ name: 'TokenUnavailable', message: 'the app did not answer' })
    expect(await revoked).toMatchObject({ name: 'TokenUnavailable' })
    const again = page.getAccessToken()
    asked[1]!.answer({ access_token: 'late', expires_in: 60 })
    expect(await again).toBe('late')
  })

  test.each([
    undefined,
    {},
    { access_token: '', expires_in: 60 },
    { access_token: 'x' },
    { access_token: 1, expires_in: 1 },
  ])('does not take %j for a token', async (answer) => {
    const { page, window } = silent()
    const given = refusal(page.getAccessToken())
    window.externalAuthSetToken!(true, answer)
    expect(await given).toMatchObject({ name: 'TokenUnavailable', message: 'the app gave no token' })
  })

  test('of nobody’s app says so, and asks nobody', async () => {
    const page = new ExternalAuth({ fetch, host: 'http://127.0.0.1:1', window: {} })
    expect(hasExternalApp({})).toBe(false)
    expect(await refusal(page.getAccessToken())).toMatchObject({ message: 'no app shows this page' })
  })

  test('knows each bridge, and of several takes the newest', async () => {
    const { window, said } = silent()
    for (const bridge of BRIDGES) expect(hasExternalApp(show(bridge, appOf(null as never)).window)).toBe(true)
    const newest: string[] = []
    const both = { ...window, externalAppV2: { postMessage: (json: string) => void newest.push(json) } }
    void new ExternalAuth({
      fetch,
      host: 'http://127.0.0.1:1',
      window: both,
      clock: new MovableClock(),
    }).getAccessToken()
    expect(newest.map((json) => JSON.parse(json))).toEqual([
      { type: 'getExternalAuth', payload: { callback: 'externalAuthSetToken' } },
    ])
    expect(said).toEqual([])
  })
})

describe('the app', () => {
  const TOKEN = { access_token: 'a</script>\u2028"b', expires_in: 5 }
  const begun = () => {
    const ran: string[] = []
    let ran_: () => void = () => undefined
    const app = createExternalApp({
      getToken: async () => TOKEN,
      revoke: async () => undefined,
      run: (script) => {
        ran.push(script)
        ran_()
      },
    })
    const answered = () =>
      new Promise<void>((resolve) => {
        ran_ = resolve
      })
    return { app, ran, answered }
  }

  test.each([
    ['an object', { callback: 'externalAuthSetToken' }],
    ['JSON text', '{"callback":"externalAuthSetToken"}'],
  ])('takes %s, and answers with a script that holds no end of a script', async (_, payload) => {
    const { app, ran, answered } = begun()
    const done = answered()
    expect(app.getExternalAuth(payload)).toBe(true)
    await done
    expect(ran).toEqual([
      'window.externalAuthSetToken(true, {"access_token":"a\\u003c/script>\\u2028\\"b","expires_in":5})',
    ])
    const given: unknown[] = []
    new Function('window', ran[0]!)({ externalAuthSetToken: (...args: unknown[]) => given.push(...args) })
    expect(given).toEqual([true, TOKEN])
  })

  test.each([
    undefined,
    null,
    'no json',
    '[]',
    {},
    { callback: 'alert' },
    { callback: 'externalAuthRevokeToken' },
    { callback: ['externalAuthSetToken'] },
    '{"callback":"externalAuthSetToken(1);alert"}',
  ])('runs nothing for %j (E8)', async (payload) => {
    const { app, ran } = begun()
    expect(app.getExternalAuth(payload)).toBe(false)
    expect(app.postMessage({ type: 'getExternalAuth', payload })).toBe(false)
    expect(app.postMessage({ type: 'externalBus', payload })).toBe(false)
    expect(app.revokeExternalAuth({ callback: 'externalAuthSetToken' })).toBe(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ran).toEqual([])
  })
})
