/** The pages for everybody: axe on every page and state in light and dark, small screens, no script, less motion. */
import type { Page } from '@playwright/test'
import { expect, test } from 'vitest'
import { onboard, type Rig, rig } from '../rig.ts'
import {
  type Application,
  application,
  describeInBrowser,
  fillLogin,
  fillSetUp,
  loginAddress,
  seesAlert,
  seesHeading,
  violations,
  visit,
} from './browser.ts'

interface Scene {
  readonly name: string
  /** True: the gateway has an owner. */
  readonly owned: boolean
  /** Brings a page into the state. */
  play(page: Page, gateway: Rig, app: Application): Promise<void>
}

/** What a proxy says is believed, so that a scene can be played from elsewhere. */
const BEHIND_PROXY = { 'server.trusted_proxies': '127.0.0.1' }

const native = { clientId: 'https://home-assistant.io/iOS', redirectUri: 'homeassistant://auth-callback' }

const setUp = async (page: Page, gateway: Rig): Promise<void> => {
  await page.goto(`${gateway.url}/onboarding.html`)
  await fillSetUp(page)
}
const create = (page: Page): Promise<void> => page.getByRole('button', { name: 'Create account' }).click()
const logIn = (page: Page): Promise<void> => page.getByRole('button', { name: 'Log in' }).click()

const scenes: readonly Scene[] = [
  { name: 'set-up', owned: false, play: setUp },
  {
    name: 'set-up, fields empty',
    owned: false,
    play: async (page, gateway) => {
      await page.goto(gateway.url)
      await create(page)
      await page.getByText('Please fill this in.').first().waitFor()
    },
  },
  {
    name: 'set-up, code asked for and wrong',
    owned: false,
    play: async (page, gateway) => {
      await page.setExtraHTTPHeaders({ 'X-Forwarded-For': '192.0.2.7' })
      await setUp(page, gateway)
      await create(page)
      await page.getByLabel('Set-up code').fill('WRONG')
      await create(page)
      await page.getByRole('alert').getByText('That set-up code is not right.').waitFor()
    },
  },
  {
    name: 'set-up, done, an application waits',
    owned: false,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, app))
      await fillSetUp(page)
      await create(page)
      await seesHeading(page, 'Welcome, Test User')
    },
  },
  {
    name: 'set-up, there is an owner, an application waits',
    owned: true,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, app).replace('/auth/authorize', '/onboarding.html'))
      await seesHeading(page, 'Already set up')
    },
  },
  {
    name: 'set-up, no answer',
    owned: false,
    play: async (page, gateway) => {
      await page.route('**/api/onboarding', (route) => route.fulfill({ status: 503, body: '{}' }))
      await page.goto(gateway.url)
      await seesAlert(page, 'The gateway is busy. Try again in a moment.')
    },
  },
  {
    name: 'login, of the gateway itself',
    owned: true,
    play: async (page, gateway) => {
      await page.goto(loginAddress(gateway, { clientId: `${gateway.url}/`, redirectUri: gateway.url }))
      await page.getByLabel('Keep me logged in').waitFor()
    },
  },
  {
    name: 'login, wrong password, shown',
    owned: true,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, app))
      await fillLogin(page, 'wrong')
      await logIn(page)
      await seesAlert(page, 'Wrong username or password.')
      await page.getByRole('button', { name: 'Show password' }).click()
    },
  },
  {
    name: 'login, no answer',
    owned: true,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, app))
      await fillLogin(page)
      await page.route('**/auth/login_flow/*', (route) => route.fulfill({ status: 503, body: '{}' }))
      await logIn(page)
      await seesAlert(page, 'The gateway is busy. Try again in a moment.')
    },
  },
  {
    name: 'login, took too long',
    owned: true,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, app))
      await fillLogin(page)
      gateway.clock.move(11 * 60_000)
      await logIn(page)
      await seesAlert(page, 'The login took too long.')
    },
  },
  {
    name: 'login, refused for its redirect address',
    owned: true,
    play: async (page, gateway, app) => {
      await page.goto(loginAddress(gateway, { ...app, redirectUri: 'javascript:alert(1)' }))
      await seesHeading(page, 'You are not logged in')
    },
  },
  {
    name: 'login, done, to an app',
    owned: true,
    play: async (page, gateway) => {
      await page.goto(loginAddress(gateway, native))
      await fillLogin(page)
      await logIn(page)
      await seesHeading(page, 'You are logged in')
    },
  },
  {
    name: 'start page',
    owned: true,
    play: async (page, gateway) => {
      await page.goto(gateway.url)
      await seesHeading(page, 'The gateway is running')
    },
  },
]

const stage = async ({ owned }: Scene): Promise<{ gateway: Rig; app: Application }> => {
  const gateway = await rig(BEHIND_PROXY)
  if (owned) await onboard(gateway.url)
  return { gateway, app: await application() }
}

/** The refusals that a scene makes by itself are no faults of the page. */
const forget = (wrong: string[]): void => {
  const others = wrong.filter((text) => !text.includes('status of 503'))
  wrong.splice(0, wrong.length, ...others)
}

describeInBrowser('pages for everybody', () => {
  test.each(scenes)(
    'axe finds nothing in light and dark, and nothing is cut off at 320 pixels: $name',
    async (scene) => {
      const { gateway, app } = await stage(scene)
      const { page, wrong } = await visit({ colorScheme: 'light', reducedMotion: 'reduce' })
      await scene.play(page, gateway, app)
      expect(await violations(page)).toEqual([])
      const light = await page.evaluate('getComputedStyle(document.body).backgroundColor')
      await page.emulateMedia({ colorScheme: 'dark' })
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).not.toBe(light)
      expect(await violations(page)).toEqual([])
      await page.setViewportSize({ width: 320, height: 640 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320)
      forget(wrong)
    },
  )

  test('browsers and password managers are told what each field is for', async () => {
    const gateway = await rig(BEHIND_PROXY)
    const { page } = await visit({ extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.7' } })
    const autocompletes = async (): Promise<[string, string | null][]> =>
      Promise.all(
        (await page.getByRole('textbox').all()).map(async (field) => [
          (await field.getAttribute('name')) ?? '',
          await field.getAttribute('autocomplete'),
        ]),
      )
    await setUp(page, gateway)
    await create(page)
    await page.getByLabel('Set-up code').waitFor()
    expect(await autocompletes()).toEqual([
      ['setup_code', 'one-time-code'],
      ['name', 'name'],
      ['username', 'username'],
      ['password', 'new-password'],
      ['again', 'new-password'],
    ])
    await onboard(gateway.url)
    await page.goto(loginAddress(gateway, native))
    await page.getByLabel('Username').waitFor()
    expect(await autocompletes()).toEqual([
      ['username', 'username'],
      ['password', 'current-password'],
    ])
  })

  test.each([
    { width: 390, height: 844 },
    { width: 1280, height: 800 },
  ])('nothing moves when an error is said, at $width pixels', async (viewport) => {
    const gateway = await rig(BEHIND_PROXY)
    await onboard(gateway.url)
    const { page } = await visit({ viewport })
    await page.goto(loginAddress(gateway, native))
    await fillLogin(page, 'wrong')
    const places = async () => [
      await page.getByLabel('Username').boundingBox(),
      await page.getByRole('button', { name: 'Log in' }).boundingBox(),
    ]
    const before = await places()
    await logIn(page)
    await seesAlert(page, 'Wrong username or password.')
    expect(await places()).toEqual(before)
  })

  test('whoever wants less motion gets none', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    await seesHeading(page, 'Set up Latchkey')
    const transition = () => page.evaluate("getComputedStyle(document.getElementById('submit')).transitionDuration")
    expect(await transition()).toBe('0.12s')
    await page.emulateMedia({ reducedMotion: 'reduce' })
    expect(await transition()).toBe('0s')
  })

  test.each([
    { path: '/auth/authorize', said: 'Logging in needs JavaScript. Please turn it on for this page.' },
    { path: '/onboarding.html', said: 'Setting up needs JavaScript. Please turn it on for this page.' },
    { path: '/index.html', said: 'Latchkey is running.' },
  ])('without JavaScript $path says so', async ({ path, said }) => {
    const gateway = await rig()
    const { page } = await visit({ javaScriptEnabled: false })
    await page.goto(gateway.url + path)
    await page.getByText(said, { exact: true }).waitFor()
  })
})
