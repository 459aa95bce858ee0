/** What the app serves to its own machine: its page, the client library, and the way back from a login. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const here = (path) => new URL(path, import.meta.url)
const files = new Map([
  ['/', { file: here('page/index.html'), type: 'text/html' }],
  ['/page.js', { file: here('page/page.js'), type: 'text/javascript' }],
  ['/page.css', { file: here('page/page.css'), type: 'text/css' }],
])

/** The library as it is built, without a bundler: its modules import each other by relative paths. */
const LIBRARY = /^\/latchkey\/((?:client\/[\w-]+|protocol\/errors)\.js)$/

const find = (path) => {
  const [, name] = LIBRARY.exec(path) ?? []
  return name === undefined ? files.get(path) : { file: here(`../../dist/${name}`), type: 'text/javascript' }
}

/** Whatever runs in the page can ask the app for a token: nothing runs that is not its own, and no other page frames it. */
const policyFor = (server) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${server} ${server.replace(/^http/, 'ws')}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** Shown in the user's browser when the login is over. */
const sentencePage = (sentence) => `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width" />
  <meta name="color-scheme" content="light dark" />
  <title>Login</title>
  <link rel="icon" href="data:," />
  <p style="margin: 3rem; font: 1.25rem system-ui, sans-serif">${sentence}</p>
</html>
`

/** Serves until it is closed. `onLogin` says who judges the answer of a login: true if it was the one that is waited for. */
export const serveSite = async (server, port) => {
  let judge = () => false
  const http = createServer(async (request, response) => {
    const url = new URL(request.url, origin)
    if (url.pathname === '/login') {
      const isOurs = judge(url.href)
      response.writeHead(isOurs ? 200 : 400, { 'content-type': 'text/html; charset=utf-8' })
      response.end(sentencePage(isOurs ? 'The app goes on. You can close this window.' : 'Nobody waits for this login.'))
    } else if (url.pathname === '/config.json') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ server }))
    } else {
      const found = find(url.pathname)
      const body = found === undefined ? null : await readFile(found.file).catch(() => null)
      if (body === null) response.writeHead(404).end()
      else {
        response.setHeader('content-security-policy', policyFor(server))
        response.setHeader('content-type', `${found.type}; charset=utf-8`).end(body)
      }
    }
  })
  await new Promise((resolve, reject) => http.once('error', reject).listen(port, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${http.address().port}`
  return {
    origin,
    onLogin: (call) => {
      judge = call
    },
    close: () => {
      http.close()
      http.closeAllConnections()
    },
  }
}
