/**
 * Starts the app in a window of its own. The first time it asks for a login; after that it goes on with the session that
 * it keeps, until somebody logs out in its page, or ends the session elsewhere.
 *
 *   npm run build && LATCHKEY_URL=http://127.0.0.1:8123 node examples/embedded-page/start.mjs
 *
 * CHROMIUM is the browser, if it is not the one that Playwright brings; BRIDGE is externalAppV2, externalApp or webkit.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import { runApp } from './app.mjs'

const {
  LATCHKEY_URL: server = 'http://127.0.0.1:8123',
  SESSION_FILE: file = join(homedir(), '.latchkey-embedded-page.json'),
  PORT: port = '8090',
  BRIDGE: bridge = 'externalAppV2',
  CHROMIUM: executablePath,
  HEADLESS,
} = process.env

const browser = await chromium.launch({ executablePath, headless: HEADLESS === '1' })
try {
  const view = await browser.newPage({ viewport: { width: 390, height: 844 } })
  await runApp({ server, file, port: Number(port), view, bridge, say: console.log })
} finally {
  await browser.close()
}
