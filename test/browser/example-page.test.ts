/** `examples/page` in a real browser: a page on an origin of its own logs in, opens a socket, and shares its session with its tabs. */
import type { Page } from '@playwright/test'
import { afterEach, expect, test } from 'vitest'
import { endExamples, runExample } from '../example.ts'
import { onboard, type Rig, rig, USER } from '../rig.ts'
import { describeInBrowser, fillLogin, type Visit, visit } from './browser.ts'

/** How much the page keeps in IndexedDB, localStorage and sessionStorage. */
const KEPT = `new Promise((resolve) => {
  indexedDB.open('page').onsuccess = ({ target: { result } }) => {
    result.transaction('kept').objectStore('kept').count().onsuccess = ({ target }) =>
      resolve(target.result + localStorage.length + sessionStorage.length)
  }
})`

describeInBrowser('the example page', () => {
  afterEach(endExamples)

  const logsIn = async (page: Page): Promise<void> => {
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForURL('**/auth/authorize?**')
    await fillLogin(page)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText(`Logged in as ${USER.name}`).waitFor()
  }

  const begin = async (): Promise<Visit & { gateway: Rig; address: string }> => {
    const gateway = await rig()
    await onboard(gateway.url)
    const address = await runExample('page/serve.mjs', { LATCHKEY_URL: gateway.url, PORT: '0' }).line(/^http/)
    const visited = await visit()
    await visited.page.goto(address)
    await visited.page.getByText('You are not logged in.').waitFor()
    await logsIn(visited.page)
    return { gateway, address, ...visited }
  }

  const isLoggedOut = (page: Page): Promise<void> => page.getByText('You are logged out.').waitFor()

  test('logs in with PKCE and shows the sessions; the code does not stay in its address', async () => {
    const { page, address, requested } = await begin()
    await page.getByText(`${address} (this one)`).waitFor()
    expect(page.url()).toBe(address)
    const authorize = requested.find((url) => url.includes('/auth/authorize?'))
    expect(new URL(authorize!).searchParams.get('code_challenge_method')).toBe('S256')
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  test('goes on with its session after a reload, and in another tab, without a login', async () => {
    const { page, context, address } = await begin()
    await page.reload()
    await page.getByText(`Logged in as ${USER.name}`).waitFor()
    const tab = await context.newPage()
    await tab.goto(address)
    await tab.getByText(`Logged in as ${USER.name}`).waitFor()
  })

  test('of two tabs whose token the server refuses at once, one refreshes', async () => {
    const { gateway, page, context, address } = await begin()
    const tabs = [page, await context.newPage()]
    // The page of before would notice the time going by, and refresh too.
    await page.goto('about:blank')
    const refreshes: string[] = []
    const refused = tabs.map(
      (tab) =>
        new Promise<void>((resolve) => {
          tab.on('websocket', (socket) => socket.once('close', () => resolve()))
        }),
    )
    // A refresh is let through when both tabs know that they need one.
    await context.route('**/auth/token', async (route) => {
      refreshes.push(route.request().postData() ?? '')
      await Promise.all(refused)
      await route.continue()
    })
    gateway.clock.move(31 * 60_000)
    await Promise.all(tabs.map((tab) => tab.goto(address)))
    await Promise.all(tabs.map((tab) => tab.getByText(`Logged in as ${USER.name}`).waitFor()))
    expect(refreshes).toEqual([expect.stringContaining('grant_type=refresh_token')])
  })

  test('that logs out in one tab is logged out in the other, and keeps nothing', async () => {
    const { page, context, address } = await begin()
    const tab = await context.newPage()
    await tab.goto(address)
    await tab.getByText(`Logged in as ${USER.name}`).waitFor()
    await tab.getByRole('button', { name: 'Log out' }).click()
    await Promise.all([isLoggedOut(page), isLoggedOut(tab)])
    expect(await page.evaluate(KEPT)).toBe(0)
    await logsIn(page)
  })

  test('does not take a code that it did not ask for', async () => {
    const { page, address } = await begin()
    await page.getByRole('button', { name: 'Log out' }).click()
    await isLoggedOut(page)
    await page.goto(`${address}?code=abc&state=other`)
    await page.getByText('The login failed: wrong_state').waitFor()
    expect(page.url()).toBe(address)
  })
})
