/** `examples/embedded-page` in a real browser: a page inside an app, over each bridge, and the app as a program. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { afterEach, describe, expect, test } from 'vitest'
import { endExamples, runExample } from '../example.ts'
import { cleanUp, newFolder } from '../process/child.ts'
import { authenticated, exchange, grantOf, logIn, onboard, postForm, type Rig, rig, USER } from '../rig.ts'
import { application, CHROMIUM, closeAtEnd, describeInBrowser, fillLogin, violations, visit } from './browser.ts'

type Bridge = 'externalAppV2' | 'externalApp' | 'webkit'

interface App {
  readonly server: string
  readonly file: string
  readonly port: number
  readonly view: Page
  readonly bridge: Bridge
  readonly say: (sentence: string) => void
}

const { runApp } = (await import('../../examples/embedded-page/app.mjs' as string)) as {
  runApp: (app: App) => Promise<void>
}
const { webViewOf } = (await import('../../examples/embedded-page/web-view.mjs' as string)) as {
  webViewOf: (page: Page, origin: string) => { run(script: string): void }
}

/** Logs in at the address that the app names, in a browser of the user's own. */
const logInAt = async (address: string): Promise<void> => {
  const { page, context } = await visit()
  await page.goto(address)
  await fillLogin(page)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('The app goes on. You can close this window.').waitFor()
  await context.close()
}

interface Shown {
  readonly view: Page
  readonly file: string
  /** What the app ran in the page. */
  readonly ran: string[]
  /** The next sentence of the app that fits. */
  says(fits: RegExp): Promise<string>
}

/** An app with a view of its own, as a user opens it. */
const openApp = async (server: string, file: string, bridge: Bridge = 'externalAppV2'): Promise<Shown> => {
  let ended: Promise<void> = Promise.resolve()
  // The view is closed before, and with it the app.
  closeAtEnd(() => ended)
  const { page: view } = await visit()
  const ran: string[] = []
  const evaluate = view.evaluate.bind(view)
  view.evaluate = ((script: string) => {
    ran.push(script)
    return evaluate(script)
  }) as typeof view.evaluate
  const said: string[] = []
  let heard: () => void = () => undefined
  const say = (sentence: string): void => {
    said.push(sentence)
    heard()
  }
  ended = runApp({ server, file, port: 0, view, bridge, say })
  const says = async (fits: RegExp): Promise<string> => {
    for (;;) {
      const sentence = said.shift()
      if (sentence === undefined) {
        await new Promise<void>((resolve) => {
          heard = resolve
        })
      } else if (fits.test(sentence)) return sentence
    }
  }
  return { view, file, ran, says }
}

const connected = (view: Page): Promise<void> => view.getByRole('status').filter({ hasText: 'Connected' }).waitFor()

interface Kept {
  readonly clientId: string
  readonly token: { readonly access_token: string; readonly refresh_token: string }
}

const keptIn = (file: string): Kept => JSON.parse(readFileSync(file, 'utf8')) as Kept

const refreshStatus = async ({ url }: Rig, { clientId, token: { refresh_token } }: Kept): Promise<number> =>
  (await postForm(`${url}/auth/token`, { grant_type: 'refresh_token', client_id: clientId, refresh_token })).status

describeInBrowser('the example of a page in an app', () => {
  afterEach(async () => {
    await endExamples()
    await cleanUp()
  })

  const begin = async (bridge?: Bridge, settings = {}) => {
    const gateway = await rig(settings)
    await onboard(gateway.url)
    const app = await openApp(gateway.url, join(newFolder(), 'session.json'), bridge)
    await logInAt((await app.says(/^Log in at /)).slice('Log in at '.length))
    await app.says(/^The page is shown/)
    await app.view.getByRole('heading', { name: `Hello, ${USER.name}` }).waitFor()
    return { gateway, ...app }
  }

  describe.each(['externalAppV2', 'externalApp', 'webkit'] as const)('over %s', (bridge) => {
    test('the page greets its user, shows what happens as it happens, and logs out', async () => {
      const { gateway, view, file, ran, says } = await begin(bridge)
      await connected(view)
      const sessions = view.getByRole('listitem').filter({ hasText: 'since' })
      await sessions.filter({ hasText: 'This app' }).filter({ hasText: 'connected now' }).waitFor()
      const { access_token } = await exchange(gateway.url, await logIn(gateway.url))
      await view.getByText('You logged in somewhere').waitFor()
      await sessions.nth(1).waitFor()
      expect(await sessions.count()).toBe(2)

      const kept = keptIn(file)
      const elsewhere = await authenticated(gateway.url, access_token)
      elsewhere.send({ id: 1, type: 'auth/subscribe' })
      await elsewhere.next()
      await view.getByRole('button', { name: 'Log out' }).click()
      await says(/^Logged out\.$/)
      expect(await elsewhere.next()).toMatchObject({
        event: { type: 'session_removed', refresh_token_id: grantOf(kept.token.access_token), reason: 'revoked' },
      })
      expect(await refreshStatus(gateway, kept)).toBe(400)
      expect(view.isClosed()).toBe(true)
      expect(() => readFileSync(file)).toThrow('ENOENT')
      expect(ran.at(-1)).toContain('window.externalAuthRevokeToken(true)')
      expect(ran.join()).not.toContain(kept.token.refresh_token)
    })
  })

  test('the session is kept for this user alone, and another start goes on with it', async () => {
    const { gateway, view, file } = await begin()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const kept = keptIn(file)
    await view.close()
    const again = await openApp(gateway.url, file)
    expect(await again.says(/./)).toBe('The page is shown.')
    await again.view.getByRole('heading', { name: `Hello, ${USER.name}` }).waitFor()
    expect(keptIn(file)).toEqual(kept)
    // Another server is not shown what this one gave.
    await again.view.close()
    const other = await openApp('http://127.0.0.1:1', file)
    expect(await other.says(/./)).toMatch(/^Log in at http:\/\/127\.0\.0\.1:1\//)
  })

  test('a token that the server takes no more is replaced by the app, by force, and the page comes back', async () => {
    const { gateway, view, file, ran } = await begin('externalAppV2', { 'sessions.socket_lifetime': 'access_token' })
    await connected(view)
    const before = keptIn(file).token
    // For the page and for the app it is good still: only the server's clock is moved.
    gateway.clock.move(31 * 60_000)
    await expect.poll(() => ran.length, { timeout: 10_000 }).toBe(2)
    await connected(view)
    const after = keptIn(file).token
    expect(after.access_token).not.toBe(before.access_token)
    expect(after.refresh_token).toBe(before.refresh_token)
    expect(ran.map((script) => /"access_token":"([^"]+)"/.exec(script)?.[1])).toEqual([
      before.access_token,
      after.access_token,
    ])
    await exchange(gateway.url, await logIn(gateway.url))
    await view.getByText('You logged in somewhere').waitFor()
  })

  test('a session that is ended elsewhere is over for the page, and for the app', async () => {
    const { gateway, view, file, says } = await begin()
    await connected(view)
    await postForm(`${gateway.url}/auth/revoke`, { token: keptIn(file).token.refresh_token })
    await says(/^Logged out\.$/)
    expect(view.isClosed()).toBe(true)
    expect(() => readFileSync(file)).toThrow('ENOENT')
  })

  test('a session that was ended while the app was closed is over when it is opened', async () => {
    const { gateway, view, file } = await begin()
    await view.close()
    const kept = keptIn(file)
    await postForm(`${gateway.url}/auth/revoke`, { token: kept.token.refresh_token })
    // By now the access token has expired: the page asks for one, and there is none.
    writeFileSync(file, JSON.stringify({ ...kept, token: { ...kept.token, expires_at: Date.now() } }))
    const again = await openApp(gateway.url, file)
    await again.says(/^Logged out\.$/)
    expect(again.ran).toEqual([expect.stringContaining('window.externalAuthSetToken(false)')])
    expect(() => readFileSync(file)).toThrow('ENOENT')
  })

  test('a login that the app does not wait for is none, and does no harm', async () => {
    const gateway = await rig()
    await onboard(gateway.url)
    const { view, says } = await openApp(gateway.url, join(newFolder(), 'session.json'))
    const address = (await says(/^Log in at /)).slice('Log in at '.length)
    const back = new URL(address).searchParams.get('redirect_uri')!
    expect((await fetch(`${back}?code=abc&state=another`)).status).toBe(400)
    await logInAt(address)
    await view.getByRole('heading', { name: `Hello, ${USER.name}` }).waitFor()
  })

  test('another page that the view was led to, or that the page frames, is not heard and gets no token (E8)', async () => {
    const { view, ran } = await begin()
    const { origin } = new URL(view.url())
    const before = ran.length
    // Its policy would not even load it.
    await view.route('**/framed', (route) => route.fulfill({ body: '<p>framed</p>', contentType: 'text/html' }))
    const { host } = await application()
    await view.goto(`http://${host}/frame?${encodeURIComponent(`${origin}/framed`)}`)
    const call = { type: 'getExternalAuth', payload: { callback: 'externalAuthSetToken' } }
    for (const frame of view.frames()) {
      await frame.evaluate(`given = [], window.externalAuthSetToken = (...answer) => given.push(answer)`)
      await frame.evaluate(`externalAppV2.postMessage(${JSON.stringify(JSON.stringify(call))})`)
    }
    expect(ran.slice(before)).toEqual([])
    // What was asked for before the page was left is not told to the next.
    webViewOf(view, origin).run('window.externalAuthSetToken(true, {"access_token":"x","expires_in":1})')
    webViewOf(view, `http://${host}`).run('window.externalAuthSetToken(false)')
    expect(await view.evaluate('given')).toEqual([[false]])
  })

  test.each([
    { width: 390, height: 844 },
    { width: 1280, height: 800 },
  ])('the page can be used by everybody at $width pixels, in light and in dark', async (viewport) => {
    const { gateway, view } = await begin()
    await view.setViewportSize(viewport)
    await exchange(gateway.url, await logIn(gateway.url))
    await view.getByText('You logged in somewhere').waitFor()
    for (const colorScheme of ['light', 'dark'] as const) {
      await view.emulateMedia({ colorScheme })
      expect(await violations(view)).toEqual([])
    }
    expect(await view.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
  })

  test('as a program it asks for a login, shows its page, and ends with the session', async () => {
    const gateway = await rig()
    await onboard(gateway.url)
    const folder = newFolder()
    const program = runExample('embedded-page/start.mjs', {
      LATCHKEY_URL: gateway.url,
      HOME: folder,
      PORT: '0',
      CHROMIUM,
      HEADLESS: '1',
    })
    await logInAt((await program.line(/^Log in at /)).slice('Log in at '.length))
    await program.line(/^The page is shown\.$/)
    const { token } = keptIn(join(folder, '.latchkey-embedded-page.json'))
    await postForm(`${gateway.url}/auth/revoke`, { token: token.refresh_token })
    await program.line(/^Logged out\.$/)
    expect(await program.ended).toEqual({ code: 0, stderr: '' })
  })
})
