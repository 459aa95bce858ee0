#!/usr/bin/env node
// Starts Centrifugo 6 with JWT (HS256) authentication, for `latchkey bench --peer`. Its binary is named by CENTRIFUGO.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { SignJWT } from 'jose'

const binary = process.env.CENTRIFUGO
if (binary === undefined) {
  console.error('CENTRIFUGO is not set: name the binary of Centrifugo 6 with it')
  process.exit(69)
}
const secret = randomBytes(32).toString('hex')
const token = await new SignJWT({ sub: 'bench' })
  .setProtectedHeader({ alg: 'HS256' })
  .setExpirationTime('1h')
  .sign(new TextEncoder().encode(secret))
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const free = server.address().port
    server.close(() => resolve(free))
  })
})
const env = {
  ...process.env,
  GOMAXPROCS: '1',
  CENTRIFUGO_HTTP_SERVER_ADDRESS: '127.0.0.1',
  CENTRIFUGO_HTTP_SERVER_PORT: String(port),
  CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY: secret,
  CENTRIFUGO_CLIENT_ALLOWED_ORIGINS: '*',
  CENTRIFUGO_LOG_LEVEL: 'error',
}
const server = spawn(binary, [], { env, stdio: ['ignore', 2, 2] })
process.on('exit', () => server.kill('SIGKILL'))
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit())
server.on('exit', () => process.exit(1))
const url = `http://127.0.0.1:${port}`
while (
  !(await fetch(url).then(
    () => true,
    () => false,
  ))
)
  await new Promise((resolve) => setTimeout(resolve, 100))
console.log(JSON.stringify({ name: 'Centrifugo', url, dialect: 'centrifugo', tokens: [token], pid: server.pid }))
