/** The login page for somebody who has to be let in, in a real browser. */
import type { Page } from '@playwright/test'
import { beforeEach, expect, test } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import { exchange, onboard, type Rig, rig } from '../rig.ts'
import {
  type Application,
  application,
  describeInBrowser,
  focused,
  heading,
  loginAddress,
  seesAlert,
  seesHeading,
  violations,
  visit,
} from './browser.ts'

const WAITING = 'Waiting for approval'

describeInBrowser('login page of somebody new', () => {
  let gateway: Rig
  let app: Application

  const control = async (operation: 'user.approve' | 'user.reject'): Promise<void> => {
    const path = DataDir.at(gateway.dataDir).control
    expect(await askControl(path, operation, { user: 'eve' })).toEqual({ result: null })
  }

  const begin = async (settings = {}): Promise<void> => {
    gateway = await rig(settings)
    await onboard(gateway.url)
    const credential = { username: 'eve', password: 'a new password' }
    await askControl(DataDir.at(gateway.dataDir).control, 'credential.add', credential)
    app = await application()
  }

  const logIn = async (page: Page): Promise<void> => {
    await page.getByLabel('Username').fill('eve')
    await page.getByLabel('Password', { exact: true }).fill('a new password')
    await page.getByRole('button', { name: 'Log in' }).click()
  }

  /** A page that waits. */
  const waiting = async (options: Parameters<typeof visit>[0] = {}) => {
    const visited = await visit(options)
    await visited.page.goto(loginAddress(gateway, app, { state: 'mine' }))
    await logIn(visited.page)
    await seesHeading(visited.page, WAITING)
    return visited
  }

  beforeEach(() => begin())

  test('says that they wait, and goes on by itself as soon as they are let in', async () => {
    const { page, requested } = await visit()
    await page.goto(loginAddress(gateway, app, { state: 'mine' }))
    const asked = page.waitForRequest((request) => request.headers()['prefer'] === 'wait=15')
    await logIn(page)
    await seesHeading(page, WAITING)
    expect(await page.title()).toBe('Waiting for approval · Latchkey')
    await asked
    const approved = Date.now()
    await control('user.approve')
    await page.waitForURL(`${app.redirectUri}?**`)
    // Not when the question would have been asked again.
    expect(Date.now() - approved).toBeLessThan(5000)
    const query = new URL(page.url()).searchParams
    expect([...query.keys()]).toEqual(['code', 'state'])
    expect(await exchange(gateway.url, query.get('code')!, app.clientId)).toMatchObject({ token_type: 'Bearer' })
    // The password, and one question that was kept open.
    expect(requested.filter((url) => url.includes('/auth/login_flow/'))).toHaveLength(2)
  })

  test('says that they were turned away, and again when they start over', async () => {
    const { page } = await waiting()
    await control('user.reject')
    const sentence = 'You were not let in. If you think that is a mistake, ask the owner of this gateway.'
    await seesHeading(page, 'You are not logged in')
    await seesAlert(page, sentence)
    expect(await focused(page)).toBe('again')
    await page.getByRole('button', { name: 'Start over' }).click()
    await logIn(page)
    await seesAlert(page, sentence)
    expect(app.received).toEqual([])
  })

  test('goes on waiting while the gateway is away, and says so', async () => {
    const { page, wrong } = await waiting()
    const { url } = gateway
    await gateway.stop()
    const status = page.getByRole('status').filter({ hasText: 'The gateway does not answer. Trying again…' })
    await status.waitFor()
    await gateway.restart()
    expect(gateway.url).toBe(url)
    await status.waitFor({ state: 'detached' })
    expect(await heading(page, WAITING).isVisible()).toBe(true)
    await control('user.approve')
    await page.waitForURL(`${app.redirectUri}?**`)
    // That it could not connect is what Chromium has to say of it.
    expect(wrong.every((text) => text.includes('ERR_CONNECTION_REFUSED'))).toBe(true)
    wrong.length = 0
  })

  test('says what has become of a request when the login has taken too long', async () => {
    const { page } = await waiting()
    gateway.clock.move(10 * 60_000)
    await seesAlert(
      page,
      'You have not been let in yet. Your request stands: log in again later to see whether you have.',
    )
  })

  test('lets somebody else log in instead', async () => {
    const { page } = await waiting()
    await page.getByRole('button', { name: 'Log in as somebody else' }).click()
    await seesHeading(page, 'Log in')
    expect(await focused(page)).toBe('field-username')
    expect(await page.getByLabel('Username').inputValue()).toBe('')
    await control('user.approve')
    await logIn(page)
    await page.waitForURL(`${app.redirectUri}?**`)
    expect(app.received.filter((path) => path.startsWith('/callback'))).toHaveLength(1)
  })

  test.each([
    { width: 390, height: 844 },
    { width: 1280, height: 800 },
    { width: 320, height: 480 },
  ])('can be used by everybody while it waits, at $width pixels, in light and in dark', async (viewport) => {
    const { page } = await waiting({ viewport, reducedMotion: 'reduce' })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await violations(page)).toEqual([])
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
    expect(await page.evaluate('document.activeElement?.tagName')).toBe('H1')
  })
})
