/** The set-up page in a real browser: who may make the owner, with what, and where it goes on. */
import { expect, test } from 'vitest'
import { exchange, onboard, post, rig, USER } from '../rig.ts'
import {
  application,
  describeInBrowser,
  fillLogin,
  fillSetUp,
  focused,
  loginAddress,
  seesAlert,
  seesHeading,
  visit,
} from './browser.ts'

/** A gateway that believes what this machine says of others. */
const BEHIND_PROXY = { 'server.trusted_proxies': '127.0.0.1' }
/** What a proxy adds: with it nobody is on the gateway's own machine. */
const ELSEWHERE = { extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.7' } }

describeInBrowser('set-up page', () => {
  const codeOf = (setUpUrl: string | null): string => new URL(setUpUrl!).hash.replace('#code=', '')
  const create = 'Create account'

  test('the start page of a gateway without an owner makes one, and says who it is', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    expect(new URL(page.url()).pathname).toBe('/onboarding.html')
    await seesHeading(page, 'Set up Latchkey')
    expect(await focused(page)).toBe('field-name')
    await fillSetUp(page)
    const sent = page.waitForRequest('**/api/onboarding/users')
    await page.getByRole('button', { name: create }).click()
    expect((await sent).postDataJSON()).toEqual({ ...USER, client_id: `${gateway.url}/`, language: 'en' })
    await seesHeading(page, 'Welcome, Test User')
    await page.getByText('You own this gateway now.').waitFor()
    await page.getByText('Applications can log in here. Your username is test-user.').waitFor()
    expect(await page.title()).toBe('Welcome, Test User · Latchkey')
    expect(await page.getByRole('button', { name: /Continue/ }).count()).toBe(0)
    await page.goto(gateway.url)
    await seesHeading(page, 'The gateway is running')
    await page.getByText(gateway.url, { exact: true }).waitFor()
  })

  test('an application that waits is named, and gets a code for its PKCE challenge after a click', async () => {
    const gateway = await rig()
    const app = await application()
    const { page } = await visit()
    const verifier = 'v'.repeat(43)
    const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))).toString(
      'base64url',
    )
    const pkce = { state: 'a b&c', code_challenge: challenge, code_challenge_method: 'S256' }
    await page.goto(loginAddress(gateway, app, pkce))
    await page.waitForURL('**/onboarding.html?**')
    await fillSetUp(page)
    await page.getByRole('button', { name: create }).click()
    await seesHeading(page, 'Welcome, Test User')
    expect(app.received).toEqual([])
    await page.getByRole('button', { name: `Continue to ${app.host}` }).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    const query = new URL(page.url()).searchParams
    expect([...query.keys()]).toEqual(['code', 'state'])
    expect(query.get('state')).toBe('a b&c')
    const fields = { grant_type: 'authorization_code', code: query.get('code')!, client_id: app.clientId }
    const body = new URLSearchParams({ ...fields, code_verifier: verifier })
    expect((await fetch(`${gateway.url}/auth/token`, { method: 'POST', body })).status).toBe(200)
  })

  test('a waiting application that may not be redirected to gets no code: the login page says so', async () => {
    const gateway = await rig()
    const app = await application()
    const { page } = await visit()
    await page.goto(loginAddress(gateway, { ...app, clientId: 'https://example.com/app' }))
    await fillSetUp(page)
    await page.getByRole('button', { name: create }).click()
    await page.getByRole('button', { name: `Continue to ${app.host}` }).click()
    await page.waitForURL('**/auth/authorize?**')
    await fillLogin(page)
    await page.getByRole('button', { name: 'Log in' }).click()
    await seesAlert(page, 'Invalid redirect URI')
    expect(app.received).toEqual([])
  })

  test('the set-up code of the start line is taken from the fragment, which is cleared, and never sent in an address', async () => {
    const gateway = await rig(BEHIND_PROXY)
    const code = codeOf(gateway.setUpUrl)
    const { page, requested } = await visit(ELSEWHERE)
    await page.goto(gateway.setUpUrl!)
    await seesHeading(page, 'Set up Latchkey')
    expect(page.url()).toBe(`${gateway.url}/onboarding.html`)
    await fillSetUp(page)
    const sent = page.waitForRequest('**/api/onboarding/users')
    await page.getByRole('button', { name: create }).click()
    expect((await sent).postDataJSON()).toMatchObject({ setup_code: code })
    await seesHeading(page, 'Welcome, Test User')
    expect(requested.filter((url) => url.includes(code) || url.includes(USER.password))).toEqual([])
    await page.goBack()
    expect(page.url()).not.toContain(code)
  })

  test('a set-up code that arrives while the page is open is taken too', async () => {
    const gateway = await rig(BEHIND_PROXY)
    const { page } = await visit(ELSEWHERE)
    await page.goto(`${gateway.url}/onboarding.html`)
    await seesHeading(page, 'Set up Latchkey')
    await page.goto(gateway.setUpUrl!)
    await page.waitForURL(`${gateway.url}/onboarding.html`)
    await fillSetUp(page)
    await page.getByRole('button', { name: create }).click()
    await seesHeading(page, 'Welcome, Test User')
  })

  test('elsewhere than on the machine the page asks for the set-up code, and keeps what was typed', async () => {
    const gateway = await rig(BEHIND_PROXY)
    const { page } = await visit(ELSEWHERE)
    await page.goto(gateway.url)
    await fillSetUp(page)
    await page.getByRole('button', { name: create }).click()
    await page.getByText('This is not the gateway’s own machine, so the code is needed').waitFor()
    expect(await focused(page)).toBe('field-setup_code')
    expect(await page.getByLabel('Username').inputValue()).toBe(USER.username)
    await page.keyboard.type('WRONG')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('That set-up code is not right.').waitFor()
    expect(await focused(page)).toBe('field-setup_code')
    expect(await page.getByLabel('Set-up code').getAttribute('aria-invalid')).toBe('true')
    await page.keyboard.type(codeOf(gateway.setUpUrl))
    await page.keyboard.press('Enter')
    await seesHeading(page, 'Welcome, Test User')
    expect((await post(`${gateway.url}/auth/login_flow`, {})).status).toBe(400)
  })

  test('the sixth set-up code in a minute is told how long to wait', async () => {
    const gateway = await rig(BEHIND_PROXY)
    const guess = { ...USER, client_id: 'https://example.com/', language: 'en', setup_code: 'GUESS' }
    for (let i = 0; i < 5; i++) {
      const { status } = await post(`${gateway.url}/api/onboarding/users`, guess)
      expect(status).toBe(403)
    }
    const { page } = await visit(ELSEWHERE)
    await page.goto(gateway.setUpUrl!)
    await fillSetUp(page)
    await page.getByRole('button', { name: create }).click()
    await page.getByText(/^Too many tries\. Try again in \d+ seconds\.$/).waitFor()
  })

  test('what the gateway refuses is said beside the field that it is about', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    await fillSetUp(page, { username: 'Test User' })
    await page.getByRole('button', { name: create }).click()
    await seesAlert(page, 'Username must be lowercase and must not contain white space.')
    expect(await focused(page)).toBe('field-username')
    await fillSetUp(page, { name: 'n'.repeat(201) })
    await page.getByRole('button', { name: create }).click()
    await seesAlert(page, 'Name must not be longer than 200 characters.')
    expect(await focused(page)).toBe('field-name')
    expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe(null)
  })

  test('a name is shown as text, whatever it holds (E5)', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    const name = '<img src=x onerror=alert(1)>'
    await fillSetUp(page, { name })
    await page.getByRole('button', { name: create }).click()
    await seesHeading(page, `Welcome, ${name}`)
    expect(await page.locator('img').count()).toBe(1)
  })

  test('empty fields and two different passwords are found before anything is sent', async () => {
    const gateway = await rig()
    const { page, requested } = await visit()
    await page.goto(gateway.url)
    await page.getByRole('button', { name: create }).click()
    expect(await page.getByText('Please fill this in.').count()).toBe(4)
    expect(await focused(page)).toBe('field-name')
    await fillSetUp(page, { again: 'another' })
    await page.getByRole('button', { name: create }).click()
    await seesAlert(page, 'The two passwords are not the same.')
    expect(await focused(page)).toBe('field-again')
    expect(requested).not.toContain(`${gateway.url}/api/onboarding/users`)
  })

  test('a gateway that has an owner says so, and leads to the login that waits', async () => {
    const gateway = await rig()
    await onboard(gateway.url)
    const app = await application()
    const { page } = await visit()
    await page.goto(`${gateway.url}/onboarding.html`)
    await seesHeading(page, 'Already set up')
    expect(await page.getByRole('link').count()).toBe(0)
    await page.goto(loginAddress(gateway, app).replace('/auth/authorize', '/onboarding.html'))
    await page.getByRole('link', { name: 'Log in' }).click()
    await seesHeading(page, 'Log in')
    expect(page.url()).toBe(loginAddress(gateway, app))
  })

  test('whoever comes second is told that there is an owner', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    await fillSetUp(page, { name: 'Second' })
    const code = await onboard(gateway.url)
    await page.getByRole('button', { name: create }).click()
    await seesHeading(page, 'Already set up')
    expect(await exchange(gateway.url, code)).toMatchObject({ token_type: 'Bearer' })
  })

  test('a gateway that does not answer is said, and tried again on request', async () => {
    const gateway = await rig()
    const { page, context, wrong } = await visit()
    await page.goto(gateway.url)
    await fillSetUp(page)
    await context.setOffline(true)
    await page.getByRole('button', { name: create }).click()
    await seesAlert(page, 'The gateway does not answer. Check the connection and try again.')
    await context.setOffline(false)
    await page.getByRole('button', { name: create }).click()
    await seesHeading(page, 'Welcome, Test User')
    expect(wrong.splice(0)).toEqual(['Failed to load resource: net::ERR_INTERNET_DISCONNECTED'])
  })

  test('set-up works with the keyboard alone', async () => {
    const gateway = await rig()
    const { page } = await visit()
    await page.goto(gateway.url)
    await seesHeading(page, 'Set up Latchkey')
    for (const typed of [USER.name, USER.username, USER.password]) {
      await page.keyboard.type(typed)
      await page.keyboard.press('Tab')
    }
    // The button that shows the password comes next.
    await page.keyboard.press('Space')
    expect(await page.getByLabel('Password', { exact: true }).getAttribute('type')).toBe('text')
    await page.keyboard.press('Tab')
    await page.keyboard.type(USER.password)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('submit')
    await page.keyboard.press('Enter')
    await seesHeading(page, 'Welcome, Test User')
  })
})
