/** The login page in a real browser: what it shows, what it sends where, and what it refuses. */
import { createHash } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { exchange, onboard, postForm, type Rig, rig, USER } from '../rig.ts'
import {
  type Application,
  application,
  describeInBrowser,
  fillLogin,
  focused,
  loginAddress,
  seesAlert,
  seesHeading,
  visit,
} from './browser.ts'

describeInBrowser('login page', () => {
  let gateway: Rig
  let app: Application

  beforeEach(async () => {
    gateway = await rig()
    await onboard(gateway.url)
    app = await application()
  })

  const submit = { name: 'Log in' }

  test('the right password leads back to the application with a code and its state, and nothing else', async () => {
    const { page, requested } = await visit()
    await page.goto(loginAddress(gateway, app, { state: 'x/y=&é' }))
    await seesHeading(page, 'Log in')
    await page.getByText(`to continue to ${app.host}`).waitFor()
    expect(await page.getByLabel('Keep me logged in').isVisible()).toBe(false)
    expect(await focused(page)).toBe('field-username')
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    const query = new URL(page.url()).searchParams
    expect([...query.keys()]).toEqual(['code', 'state'])
    expect(query.get('state')).toBe('x/y=&é')
    expect(await exchange(gateway.url, query.get('code')!, app.clientId)).toMatchObject({ token_type: 'Bearer' })
    const origins = new Set(requested.map((url) => new URL(url).origin))
    expect([...origins]).toEqual([gateway.url, `http://${app.host}`])
    expect(requested.filter((url) => url.includes(USER.password) || url.includes(USER.username))).toEqual([])
  })

  test('going back from the application does not lead to the login that is over (C7)', async () => {
    const { page } = await visit()
    await page.goto(`http://${app.host}/before`)
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    await page.goBack()
    expect(page.url()).toBe(`http://${app.host}/before`)
  })

  test('the page keeps nothing in the browser (E7)', async () => {
    const { page, context } = await visit()
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    await page.goto(gateway.url)
    expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0)
    expect(await context.cookies()).toEqual([])
  })

  test('the code is appended to the query that the redirect address has', async () => {
    const { page } = await visit()
    await page.goto(loginAddress(gateway, { ...app, redirectUri: `${app.redirectUri}?a=1` }))
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    expect(page.url()).toMatch(/\/callback\?a=1&code=[0-9a-f]{64}$/)
  })

  test.each([
    { ticked: true, end: /\/index\.html\?code=[0-9a-f]{64}&storeToken=true$/ },
    { ticked: false, end: /\/index\.html\?code=[0-9a-f]{64}$/ },
  ])('the gateway’s own application is told whether to keep the login: $ticked', async ({ ticked, end }) => {
    const own = { clientId: `${gateway.url}/`, redirectUri: `${gateway.url}/index.html` }
    const { page } = await visit()
    await page.goto(loginAddress(gateway, own))
    await fillLogin(page)
    const keep = page.getByLabel('Keep me logged in')
    // On a local address it is ticked to begin with.
    expect(await keep.isChecked()).toBe(true)
    await keep.setChecked(ticked)
    await page.getByRole('button', submit).click()
    await page.waitForURL(end)
  })

  test('a wrong password is said, the username stays, and the next try is the same login', async () => {
    const { page } = await visit()
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page, 'wrong')
    await page.getByRole('button', submit).click()
    await seesAlert(page, 'Wrong username or password.')
    expect(await page.getByLabel('Username').inputValue()).toBe(USER.username)
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('')
    expect(await focused(page)).toBe('field-password')
    await page.keyboard.type(USER.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${app.redirectUri}?**`)
  })

  test('empty fields are found before anything is sent', async () => {
    const { page, requested } = await visit()
    await page.goto(loginAddress(gateway, app))
    await page.getByRole('button', submit).click()
    expect(await page.getByText('Please fill this in.').count()).toBe(2)
    expect(await focused(page)).toBe('field-username')
    expect(requested.filter((url) => url.includes('/auth/login_flow/'))).toEqual([])
  })

  test('a PKCE challenge is handed on: the code is worth something with its verifier alone (C10)', async () => {
    const verifier = 'verifier-verifier-verifier-verifier-verifier'
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const codeFor = async (): Promise<string> => {
      const { page } = await visit()
      await page.goto(loginAddress(gateway, app, { code_challenge: challenge, code_challenge_method: 'S256' }))
      await fillLogin(page)
      await page.getByRole('button', submit).click()
      await page.waitForURL(`${app.redirectUri}?**`)
      return new URL(page.url()).searchParams.get('code')!
    }
    const redeem = async (more: Record<string, string>) => {
      const fields = { grant_type: 'authorization_code', code: await codeFor(), client_id: app.clientId, ...more }
      const response = await postForm(`${gateway.url}/auth/token`, fields)
      return { status: response.status, body: await response.json() }
    }
    expect(await redeem({})).toEqual({ status: 400, body: { error: 'invalid_grant' } })
    expect(await redeem({ code_verifier: verifier })).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
  })

  test('a PKCE method that the gateway does not take is refused before a password is asked for', async () => {
    const { page } = await visit()
    await page.goto(loginAddress(gateway, app, { code_challenge: 'c'.repeat(43), code_challenge_method: 'plain' }))
    await seesAlert(page, 'Invalid code challenge')
    expect(await page.getByRole('button').count()).toBe(0)
  })

  test('a login that took too long can be started over', async () => {
    const { page } = await visit()
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page)
    gateway.clock.move(11 * 60_000)
    await page.getByRole('button', submit).click()
    await seesAlert(page, 'The login took too long.')
    await seesHeading(page, 'You are not logged in')
    expect(await focused(page)).toBe('again')
    await page.keyboard.press('Enter')
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
  })

  test('a login that the gateway forgot can be started over', async () => {
    const { page } = await visit()
    const started = page.waitForResponse('**/auth/login_flow')
    await page.goto(loginAddress(gateway, app))
    const { flow_id } = (await (await started).json()) as { flow_id: string }
    await fetch(`${gateway.url}/auth/login_flow/${flow_id}`, { method: 'DELETE' })
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await seesAlert(page, 'The gateway does not know this login any more.')
    await page.getByRole('button', { name: 'Start over' }).click()
    await seesHeading(page, 'Log in')
  })

  test('a gateway that does not answer leaves the form as it was', async () => {
    const { page, context, wrong } = await visit()
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page)
    await context.setOffline(true)
    await page.getByRole('button', submit).click()
    await seesAlert(page, 'The gateway does not answer. Check the connection and try again.')
    await context.setOffline(false)
    await page.getByRole('button', submit).click()
    await page.waitForURL(`${app.redirectUri}?**`)
    expect(wrong.splice(0)).toEqual(['Failed to load resource: net::ERR_INTERNET_DISCONNECTED'])
  })

  test('a double click sends one input', async () => {
    const { page, requested } = await visit()
    await page.goto(loginAddress(gateway, app))
    await fillLogin(page)
    await page.getByRole('button', submit).dblclick()
    await page.waitForURL(`${app.redirectUri}?**`)
    expect(requested.filter((url) => url.includes('/auth/login_flow/')).length).toBe(1)
  })

  test('an application that asks for a foreign redirect gets nothing, and the person is told (C1, C7)', async () => {
    const other = await application()
    const { page } = await visit()
    await page.goto(loginAddress(gateway, { clientId: app.clientId, redirectUri: other.redirectUri }))
    await page.getByText(`to continue to ${other.host}`).waitFor()
    await fillLogin(page)
    await page.getByRole('button', submit).click()
    await seesAlert(page, 'Invalid redirect URI')
    expect(other.received).toEqual([])
  })

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    '\tjava\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)',
    'file:///etc/passwd',
    'about:blank',
    'blob:http://127.0.0.1/x',
    '/callback',
    '',
  ])('the redirect address %j is refused before anything is asked or sent (C3)', async (redirectUri) => {
    const { page, requested } = await visit()
    await page.goto(loginAddress(gateway, { clientId: app.clientId, redirectUri }))
    const said =
      'Invalid redirect URI. The application asks to send you to an address that is not safe or not complete.'
    await seesAlert(page, said)
    expect(await page.getByRole('textbox').count()).toBe(0)
    expect(requested.filter((url) => url.includes('/auth/login_flow') || url.includes('/auth/providers'))).toEqual([])
  })

  test('without a client the page says what is missing; with one that is none, what the gateway says', async () => {
    const { page } = await visit()
    await page.goto(`${gateway.url}/auth/authorize?redirect_uri=${encodeURIComponent(app.redirectUri)}`)
    await page.getByText('does not say which application wants to log you in').waitFor()
    await page.goto(loginAddress(gateway, { ...app, clientId: 'no client' }))
    await seesAlert(page, 'Invalid client id')
  })

  test('an app without a host is named', async () => {
    const { page } = await visit()
    const ios = { clientId: 'https://home-assistant.io/iOS', redirectUri: 'homeassistant://auth-callback' }
    await page.goto(loginAddress(gateway, ios))
    await page.getByText('to continue to the Home Assistant app for iOS').waitFor()
  })

  test('login works with the keyboard alone, and what has the focus is seen', async () => {
    const { page } = await visit()
    await page.goto(loginAddress(gateway, app))
    await seesHeading(page, 'Log in')
    const stops: unknown[] = []
    for (let i = 0; i < 4; i++) {
      stops.push(await page.evaluate('document.activeElement.id || document.activeElement.className'))
      expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
      await page.keyboard.press('Tab')
    }
    expect(stops).toEqual(['field-username', 'field-password', 'reveal', 'submit'])
    await page.getByLabel('Username').focus()
    await page.keyboard.type(USER.username)
    await page.keyboard.press('Tab')
    await page.keyboard.type(USER.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${app.redirectUri}?**`)
  })

  test('a page of another origin cannot show the login in a frame (C6)', async () => {
    const { page, wrong } = await visit()
    await page.goto(`http://${app.host}/frame?${encodeURIComponent(loginAddress(gateway, app))}`)
    expect(page.frames().map((frame) => new URL(frame.url()).protocol)).toEqual(['http:', 'chrome-error:'])
    expect(wrong.splice(0).join()).toContain("frame-ancestors 'none'")
  })

  test('the policy of the page refuses a script and a style that are not its own (E5)', async () => {
    const { page, wrong } = await visit()
    await page.goto(loginAddress(gateway, app))
    await seesHeading(page, 'Log in')
    await page.evaluate(`
      document.head.append(
        Object.assign(document.createElement('script'), { textContent: 'alert(1)' }),
        Object.assign(document.createElement('style'), { textContent: 'h1 { display: none }' }),
      )
    `)
    const refused = wrong.splice(0)
    expect(refused.length).toBe(2)
    expect(refused.join()).toContain("script-src 'self'")
    expect(refused.join()).toContain("style-src 'self'")
  })
})

describeInBrowser('login page of a busy gateway', () => {
  test('too many open logins are said, and another try is offered', async () => {
    const gateway = await rig({ 'limits.login_flows.per_address': '1' })
    await onboard(gateway.url)
    const app = await application()
    const first = await visit()
    await first.page.goto(loginAddress(gateway, app))
    // Typed into once: it makes no room for another.
    await fillLogin(first.page, 'wrong')
    await first.page.getByRole('button', { name: 'Log in' }).click()
    await seesAlert(first.page, 'Wrong username or password.')
    const second = await visit()
    await second.page.goto(loginAddress(gateway, app))
    await seesAlert(second.page, 'Too many logins are open')
    await fillLogin(first.page)
    await first.page.getByRole('button', { name: 'Log in' }).click()
    await first.page.waitForURL(`${app.redirectUri}?**`)
    await second.page.getByRole('button', { name: 'Start over' }).click()
    await seesHeading(second.page, 'Log in')
  })
})
