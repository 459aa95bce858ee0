/** A real Chromium on the pages, which notes everything that a page should not do; and an application to log in to. */
import { existsSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from '@playwright/test'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { closeRigs, type Rig, USER } from '../rig.ts'

export const CHROMIUM = '/usr/bin/chromium'
const ARGS = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

let browser: Browser

/** Tests that need Chromium: skipped where it is not installed, and failed there if `CI` is set. */
export const describeInBrowser = (name: string, tests: () => void): void => {
  if (!existsSync(CHROMIUM)) {
    const reason = `there is no ${CHROMIUM}: install the package chromium`
    if (!process.env['CI']) {
      describe.skip(`${name} (${reason})`, tests)
      return
    }
    test(name, () => expect.fail(reason))
    return
  }
  describe(name, () => {
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
    })
    afterEach(async () => {
      for (const close of open.splice(0).reverse()) await close()
      await closeRigs()
    })
    afterAll(() => browser.close())
    tests()
  })
}

const open: (() => Promise<void>)[] = []

/** Closes something at the end of the test; what was named last is closed first. */
export const closeAtEnd = (close: () => Promise<void>): void => {
  open.push(close)
}

export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** Every address that was asked for, without its fragment, as it is on the wire. */
  readonly requested: string[]
  /**
   * Errors and warnings of the console, faults of scripts, dialogs, in any page of the profile. What was left here fails
   * the test at its end.
   */
  readonly wrong: string[]
}

/** A refusal of an endpoint is shown by the page; that Chromium writes it down too says nothing. */
const isAnswer = (text: string, url: string): boolean =>
  text.startsWith('Failed to load resource: the server responded with a status of 4') && /\/(?:auth|api)\//.test(url)

/** A page of a fresh browser profile. */
export const visit = async (options: BrowserContextOptions = {}): Promise<Visit> => {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const requested: string[] = []
  const wrong: string[] = []
  context.on('request', (request) => requested.push(request.url().split('#')[0]!))
  context.on('weberror', (error) => wrong.push(String(error.error())))
  context.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('console', (message) => {
    const isBad = message.type() === 'error' || message.type() === 'warning'
    if (isBad && !isAnswer(message.text(), message.location().url)) wrong.push(message.text())
  })
  open.push(async () => {
    await context.close()
    expect(wrong).toEqual([])
  })
  return { page, context, requested, wrong }
}

export interface Application {
  /** `http://127.0.0.1:PORT/` */
  readonly clientId: string
  readonly redirectUri: string
  readonly host: string
  /** Paths with their queries, in the order in which they came. */
  readonly received: string[]
}

/** Serves on a port of its own until the test ends; resolves to `127.0.0.1:PORT`. */
export const served = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closeAtEnd(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An application on a port of its own. At `/frame?ADDRESS` it shows an address in a frame. */
export const application = async (): Promise<Application> => {
  const received: string[] = []
  const host = await served((request, response) => {
    const path = request.url ?? ''
    received.push(path)
    const framed = path.startsWith('/frame?') ? `<iframe src="${decodeURIComponent(path.slice(7))}"></iframe>` : ''
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><title>App</title><link rel="icon" href="data:," /><p>The application</p>${framed}`)
  })
  return { clientId: `http://${host}/`, redirectUri: `http://${host}/callback`, host, received }
}

/** The login page's address for an application. */
export const loginAddress = (
  gateway: Rig,
  { clientId, redirectUri }: Pick<Application, 'clientId' | 'redirectUri'>,
  more: Readonly<Record<string, string>> = {},
): string => {
  const query = new URLSearchParams({ response_type: 'code', client_id: clientId, redirect_uri: redirectUri, ...more })
  return `${gateway.url}/auth/authorize?${query}`
}

export const fillSetUp = async (page: Page, fields: Readonly<Partial<typeof USER & { again: string }>> = {}) => {
  const { name, username, password, again } = { ...USER, again: fields.password ?? USER.password, ...fields }
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByLabel('Password again').fill(again)
}

export const fillLogin = async (page: Page, password = USER.password): Promise<void> => {
  await page.getByLabel('Username').fill(USER.username)
  await page.getByLabel('Password', { exact: true }).fill(password)
}

export const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true })

/** Waits until a heading is seen. */
export const seesHeading = (page: Page, name: string): Promise<void> => heading(page, name).waitFor()

/** Waits until an alert says exactly this. */
export const seesAlert = (page: Page, sentence: string): Promise<void> =>
  page
    .getByRole('alert')
    .filter({ hasText: new RegExp(`^${escaped(sentence)}$`) })
    .waitFor()

const escaped = (sentence: string): string => sentence.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The id of the element that has the focus. */
export const focused = (page: Page): Promise<string | undefined> => page.evaluate('document.activeElement?.id')

/** What axe finds against WCAG 2.2 AA and its own best practices, one line each. */
export const violations = async (page: Page): Promise<string[]> => {
  const { violations: found } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  return found.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target.join(' ')).join(', ')})`,
  )
}
