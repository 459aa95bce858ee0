#!/usr/bin/env node
// Starts a Home Assistant core of its own for `latchkey bench --peer`. Installs it from PyPI once, which takes some minutes and
// about 1 GB below ~/.cache/latchkey-peers; it needs Python 3.13 (PYTHON names another interpreter).
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const VERSION = '2025.4.4'
const venv = join(homedir(), '.cache/latchkey-peers', `home-assistant-${VERSION}`)
const ready = join(venv, 'ready')

if (!existsSync(ready)) {
  const say = { stdio: ['ignore', 'inherit', 'inherit'] }
  // Output belongs to the line that is waited for.
  say.stdio[1] = 2
  execFileSync(process.env.PYTHON ?? 'python3.13', ['-m', 'venv', venv], say)
  const pip = (...what) => execFileSync(join(venv, 'bin/pip'), ['install', '-q', ...what], say)
  // A later pycares breaks the aiodns that this version is pinned to.
  pip(`homeassistant==${VERSION}`, 'pycares<5')
  // Without its pages it starts in recovery mode only; which belong to it stands in its own package.
  const script = 'import homeassistant; print(homeassistant.__path__[0])'
  const core = execFileSync(join(venv, 'bin/python'), ['-c', script], { encoding: 'utf8' }).trim()
  pip('-c', join(core, 'package_constraints.txt'), 'home-assistant-frontend')
  writeFileSync(ready, '')
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const port = await freePort()
const url = `http://127.0.0.1:${port}`
const folder = mkdtempSync(join(tmpdir(), 'home-assistant-'))
writeFileSync(
  join(folder, 'configuration.yaml'),
  `http:\n  server_host: 127.0.0.1\n  server_port: ${port}\nonboarding:\nwebsocket_api:\nlogger:\n  default: error\n`,
)
const core = spawn(join(venv, 'bin/hass'), ['-c', folder, '--skip-pip'], { stdio: ['ignore', 2, 2] })
const end = () => core.kill('SIGKILL')
process.on('exit', end)
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit())
core.on('exit', () => process.exit(1))

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
while (
  !(await fetch(`${url}/api/onboarding`).then(
    ({ ok }) => ok,
    () => false,
  ))
)
  await pause(200)

const clientId = `${url}/`
const made = await fetch(`${url}/api/onboarding/users`, {
  method: 'POST',
  body: JSON.stringify({
    client_id: clientId,
    name: 'Bench',
    username: 'bench',
    password: 'correct horse',
    language: 'en',
  }),
})
const { auth_code: code } = await made.json()
const exchanged = await fetch(`${url}/auth/token`, {
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'authorization_code', code, client_id: clientId }),
})
const { access_token: token, refresh_token: refreshToken } = await exchanged.json()
// What else it loads goes on after its port is open.
await pause(3000)
const tokens = [token]
const line = {
  name: `Home Assistant core ${VERSION}`,
  url,
  dialect: 'homeAssistant',
  tokens,
  refreshTokens: [refreshToken],
  clientId,
}
console.log(JSON.stringify({ ...line, pid: core.pid }))
