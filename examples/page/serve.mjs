/**
 * Serves the page of this folder with the client library, as any web server would.
 *
 *   npm run build && LATCHKEY_URL=http://127.0.0.1:8123 node examples/page/serve.mjs
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const { LATCHKEY_URL: url = 'http://127.0.0.1:8123', PORT: port = '8080' } = process.env

const here = (path) => new URL(path, import.meta.url)
const files = new Map([
  ['/', { file: here('index.html'), type: 'text/html' }],
  ['/page.js', { file: here('page.js'), type: 'text/javascript' }],
  ['/kept.js', { file: here('kept.js'), type: 'text/javascript' }],
])

/** The library as it is built, without a bundler: its modules import each other by relative paths. */
const LIBRARY = /^\/latchkey\/((?:client\/[\w-]+|protocol\/errors)\.js)$/

const find = (path) => {
  const [, name] = LIBRARY.exec(path) ?? []
  return name === undefined ? files.get(path) : { file: here(`../../dist/${name}`), type: 'text/javascript' }
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname
  if (path === '/config.json') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ server: url }))
    return
  }
  const found = find(path)
  const body = found === undefined ? null : await readFile(found.file).catch(() => null)
  if (body === null) response.writeHead(404).end()
  else response.setHeader('content-type', `${found.type}; charset=utf-8`).end(body)
})
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))
