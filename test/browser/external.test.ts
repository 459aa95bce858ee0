/** External authentication in a real browser: whoever is not the app gets nothing from the page, and gives it nothing. */
import type { Frame, Page } from '@playwright/test'
import { expect, test } from 'vitest'
import { describeInBrowser, served, visit } from './browser.ts'
import { serveTabs } from './tabs.ts'

/** In the page: a bridge to an app that answers when the test says so. */
const EMBED = `
  asked = []
  window.externalAppV2 = { postMessage: (json) => asked.push(JSON.parse(json)) }
  auth = new tab.latchkey.ExternalAuth({ fetch, host: 'http://127.0.0.1:1' })
  settle = (promise) => promise.then((token) => token ?? 'done', (error) => error.message)
  came = new Promise((resolve) => addEventListener('message', ({ data }) => data === 'last' && resolve()))
  void 0
`
const ASK = { type: 'getExternalAuth', payload: { callback: 'externalAuthSetToken' } }
const LOG_OUT = { type: 'revokeExternalAuth', payload: { callback: 'externalAuthRevokeToken' } }

/** Every way to give another window a token, or to be given one. Resolves to those that worked. */
const attackOn = (target: string): string => `(() => {
  const token = { access_token: 'evil', expires_in: 1800 }
  const callback = 'externalAuthSetToken'
  const messages = [
    { type: 'getExternalAuth', payload: { callback } },
    { type: callback, success: true, token },
    { type: callback, payload: [true, token] },
    { callback, success: true, ...token },
    [true, token],
    token,
    'window.externalAuthSetToken(true, {"access_token":"evil","expires_in":1800})',
  ]
  for (const message of messages) for (const data of [message, JSON.stringify(message)]) ${target}.postMessage(data, '*')
  ${target}.postMessage('last', '*')
  const ways = {
    answer: () => ${target}.externalAuthSetToken(true, token),
    logOut: () => ${target}.externalAuthRevokeToken(true),
    ask: () => ${target}.externalAppV2.postMessage('{}'),
    standIn: () => { ${target}.externalAppV2 = { postMessage: () => undefined } },
    takeOver: () => { ${target}.externalAuthSetToken = () => undefined },
    read: () => ${target}.auth,
  }
  return Object.keys(ways).filter((name) => {
    try {
      ways[name]()
      return true
    } catch {
      return false
    }
  })
})()`

interface Pair {
  /** The page inside the app. */
  readonly page: Frame
  readonly stranger: Frame
  /** How the stranger names the page, and the page the stranger. */
  readonly target: string
  readonly back: string
}

describeInBrowser('a page inside an app', () => {
  /** A page of another origin, which notes every message that it gets. */
  const serveStranger = async (framed?: string): Promise<string> => {
    const frame = framed === undefined ? '' : `<iframe src="${framed}"></iframe>`
    const host = await served((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<!doctype html><title>Stranger</title><link rel="icon" href="data:," />
        <script>heard = []; addEventListener('message', ({ data }) => heard.push(data))</script>${frame}`)
    })
    return `http://${host}/`
  }

  const childOf = async (page: Page): Promise<Frame> => {
    await expect.poll(() => page.frames().length).toBe(2)
    return page.frames()[1]!
  }

  const relations: Readonly<Record<string, () => Promise<Pair>>> = {
    'that opened it': async () => {
      const { page: opener, context } = await visit()
      await opener.goto(await serveStranger())
      const opened = context.waitForEvent('page')
      await opener.evaluate(`void (opened = window.open(${JSON.stringify(await serveTabs())}))`)
      const page = (await opened).mainFrame()
      return { page, stranger: opener.mainFrame(), target: 'opened', back: 'opener' }
    },
    'that frames it': async () => {
      const { page } = await visit()
      await page.goto(await serveStranger(await serveTabs()))
      return { page: await childOf(page), stranger: page.mainFrame(), target: 'frames[0]', back: 'parent' }
    },
    'in a frame of it': async () => {
      const { page } = await visit()
      await page.goto(await serveTabs())
      const address = JSON.stringify(await serveStranger())
      await page.evaluate(`{
        const frame = document.createElement('iframe')
        frame.src = ${address}
        document.body.append(frame)
      }`)
      return { page: page.mainFrame(), stranger: await childOf(page), target: 'parent', back: 'frames[0]' }
    },
  }

  test.each(Object.keys(relations))('hears and tells nothing to a foreign page %s (E8)', async (relation) => {
    const { page, stranger, target, back } = await relations[relation]!()
    await page.waitForFunction('window.tab !== undefined')
    await stranger.waitForFunction('window.heard !== undefined')
    await page.evaluate(EMBED)
    await page.evaluate(`void (given = settle(auth.getAccessToken()), loggedOut = settle(auth.revoke()))`)
    expect(await stranger.evaluate(attackOn(target))).toEqual([])
    await page.evaluate('came')
    expect(await page.evaluate(`Promise.race([given, loggedOut, 'nothing'])`)).toBe('nothing')
    // The app is heard.
    await page.evaluate(`window.externalAuthSetToken(true, { access_token: 'good', expires_in: 1800 })`)
    await page.evaluate(`window.externalAuthRevokeToken(false)`)
    expect(await page.evaluate(`Promise.all([given, loggedOut])`)).toEqual(['good', 'the app could not log out'])
    expect(await page.evaluate('auth.getAccessToken()')).toBe('good')
    expect(await page.evaluate('asked')).toEqual([ASK, LOG_OUT])
    // What the page may have posted before has come when this has.
    await page.evaluate(`${back}.postMessage('last', '*')`)
    await stranger.waitForFunction(`heard.includes('last')`)
    expect(await stranger.evaluate('heard')).toEqual(['last'])
  })

  test('takes no frame for a bridge, whatever it calls itself (E8)', async () => {
    const { page, stranger } = await relations['in a frame of it']!()
    for (const name of ['externalAppV2', 'externalApp', 'webkit']) {
      await stranger.evaluate(`window.name = '${name}'`)
      expect(await page.evaluate('tab.latchkey.hasExternalApp()')).toBe(false)
      const asks = `new tab.latchkey.ExternalAuth({ fetch, host: 'http://127.0.0.1:1' }).getAccessToken()`
      expect(await page.evaluate(`${asks}.catch((error) => error.message)`)).toBe('no app shows this page')
    }
    expect(await stranger.evaluate('heard')).toEqual([])
  })

  test('takes no answer under another name than that which it asked for (E8)', async () => {
    const { page, context } = await visit()
    await context.clock.install()
    await page.goto(await serveTabs())
    await page.evaluate(EMBED)
    await page.evaluate(`void (given = settle(auth.getAccessToken()))`)
    expect(
      await page.evaluate(`{
        const token = { access_token: 'evil', expires_in: 1800 }
        for (const name of ['externalAuthRevokeToken', 'externalAuthToken', 'setToken', 'externalBus']) {
          window[name]?.(true, token)
        }
        Promise.race([given, 'nothing'])
      }`),
    ).toBe('nothing')
    await context.clock.fastForward(30_000)
    expect(await page.evaluate('given')).toBe('the app did not answer')
    expect(await page.evaluate('asked')).toEqual([ASK])
  })
})
