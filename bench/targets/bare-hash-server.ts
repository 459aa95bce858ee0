/** The baseline of a login: `node bare-hash-server.js AT_ONCE`. It answers each request once it has computed one argon2id hash. */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

/** The gateway's parameters (OWASP's). */
const MEMORY_KIB = 19 * 1024
const PASSWORD = 'correct horse'
const AT_ONCE = Number(process.argv[2])

type Verify = (hash: string, password: string) => Promise<boolean>

/** The faster of two libraries where it is there, as the gateway takes it. */
const load = async (): Promise<{ hash: string; verify: Verify }> => {
  const require = createRequire(import.meta.url)
  const cost = { memoryCost: MEMORY_KIB, timeCost: 2, parallelism: 1 }
  try {
    const native = require('@node-rs/argon2') as typeof import('@node-rs/argon2')
    return { hash: await native.hash(PASSWORD, cost), verify: (hash, password) => native.verify(hash, password) }
  } catch {
    const argon2 = require('argon2') as typeof import('argon2')
    return { hash: await argon2.hash(PASSWORD, cost), verify: (hash, password) => argon2.verify(hash, password) }
  }
}

const { hash, verify } = await load()
const turns = Array.from({ length: AT_ONCE }, () => Promise.resolve())
let turn = 0
const server = createServer((request, response) => {
  request.resume()
  const mine = turn++ % AT_ONCE
  turns[mine] = turns[mine]!.then(() => verify(hash, PASSWORD)).then(
    (good) => void response.writeHead(good ? 200 : 500, { 'content-type': 'application/json' }).end('{}'),
    () => void response.writeHead(500).end(),
  )
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`)
})
