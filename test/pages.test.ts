/** The pages as they are served: which files, with which headers, and where the start leads. */
import { readdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { closeRigs, onboard, rig } from './rig.ts'

afterEach(closeRigs)

const built = readdirSync(new URL('../dist/web/', import.meta.url))

test('what is built for the browser is pages, styles, pictures and scripts: no source, map or declaration', () => {
  const kinds = new Set(built.map((name) => name.replace(/^[a-z-]+/, '')))
  expect([...kinds].sort()).toEqual(['.css', '.html', '.js', '.svg'])
})

test.each([
  ['/auth/authorize', 'text/html; charset=utf-8'],
  ['/onboarding.html', 'text/html; charset=utf-8'],
  ['/index.html', 'text/html; charset=utf-8'],
  ['/page.css', 'text/css; charset=utf-8'],
  ['/authorize.js', 'text/javascript; charset=utf-8'],
  ['/mark.svg', 'image/svg+xml'],
])('%s is served as %s, and never guessed at or sent on (C6, E9)', async (path, type) => {
  const { url } = await rig()
  const response = await fetch(url + path)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe(type)
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  expect(response.headers.get('referrer-policy')).toBe('no-referrer')
})

test.each(['/auth/authorize', '/onboarding.html', '/index.html'])(
  '%s may load from this gateway alone, be framed by nobody, and holds no script or style of its own (C25, E5, C5)',
  async (path) => {
    const { url } = await rig()
    const response = await fetch(url + path)
    const policy = response.headers.get('content-security-policy')!.split('; ')
    expect(policy.sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "script-src 'self'",
      "style-src 'self'",
    ])
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    const page = await response.text()
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc="\/[a-z]+\.js")|(?:src|href)="(?!\/[a-z])/)
  },
)

test.each(['/authorize.html', '/authorize.ts', '/authorize.js.map', '/texts.d.ts', '/tsconfig.json'])(
  '%s is not there',
  async (path) => {
    const { url } = await rig()
    const response = await fetch(url + path)
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ message: 'Not found.' })
  },
)

test('the start leads to the set-up until there is an owner', async () => {
  const { url } = await rig()
  const start = async () => {
    const response = await fetch(url, { redirect: 'manual' })
    return { status: response.status, location: response.headers.get('location') }
  }
  expect(await start()).toEqual({ status: 302, location: '/onboarding.html' })
  await onboard(url)
  expect(await start()).toEqual({ status: 302, location: '/index.html' })
})
