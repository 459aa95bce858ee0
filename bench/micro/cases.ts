/** The hot operations, each beside the least that any server would have to do for it. */
import { createHmac, randomBytes } from 'node:crypto'
import type { Bench } from './gateway.ts'
import type { Case, Operation } from './measure.ts'
import { policyCases } from './policies.ts'
import { verifierCases } from './verifier.ts'

const decoder = new TextDecoder()

/** Reads a message as JSON and writes a small answer: nobody who speaks this protocol does less. */
const echo = (bytes: Uint8Array): Operation => {
  let length = 0
  return (times) => {
    for (let i = 0; i < times; i++) {
      const message = JSON.parse(decoder.decode(bytes)) as { id: number }
      length += JSON.stringify({ id: message.id, type: 'pong' }).length
    }
    if (length === 0) throw new Error('nothing was read')
  }
}

/** The HMAC that a signed token costs at the least. */
const hmac = (token: string): Operation => {
  const key = randomBytes(32)
  const signed = token.slice(0, token.lastIndexOf('.'))
  return (times) => {
    for (let i = 0; i < times; i++) createHmac('sha256', key).update(signed).digest()
  }
}

/** Sends `text(id)` on one authenticated socket, and waits for as many answers. */
const command = (bench: Bench, text: (id: number) => string): Operation => {
  let wanted = 0
  let done: () => void = () => undefined
  const peer = bench.open(() => {
    if (--wanted === 0) done()
  })
  peer.message(Buffer.from(JSON.stringify({ type: 'auth', access_token: bench.tokens.access_token })), false)
  let id = 0
  return async (times) => {
    // An answer goes out at the end of a turn: turns of sixteen, as a busy socket has them.
    for (let left = times; left > 0; left -= 16) {
      const some = Math.min(left, 16)
      await new Promise<void>((resolve) => {
        wanted = some
        done = resolve
        for (let i = 0; i < some; i++) peer.message(Buffer.from(text(++id)), false)
      })
    }
  }
}

/** Opens a socket, authenticates and closes, with the token that `token` gives. */
const authenticate =
  (bench: Bench, token: () => string): Operation =>
  async (times) => {
    for (let i = 0; i < times; i++) {
      await new Promise<void>((resolve, reject) => {
        let isFirst = true
        const peer = bench.open((text) => {
          if (isFirst) {
            isFirst = false
            return
          }
          peer.closed(1000)
          if (text.includes('auth_ok')) resolve()
          else reject(new Error(text))
        })
        peer.message(Buffer.from(JSON.stringify({ type: 'auth', access_token: token() })), false)
      })
    }
  }

const refreshed = async (bench: Bench): Promise<string> => {
  const { body } = await bench.request('POST', '/auth/token', {
    grant_type: 'refresh_token',
    client_id: bench.client,
    refresh_token: bench.tokens.refresh_token,
  })
  return (JSON.parse(String(body)) as { access_token: string }).access_token
}

export const createCases = async (bench: Bench): Promise<readonly Case[]> => {
  const { access_token: known } = bench.tokens
  const authFrame = Buffer.from(JSON.stringify({ type: 'auth', access_token: known }))
  const ping = (id: number): string => `{"id":${id},"type":"ping"}`
  let fresh: string[] = []
  return [
    ...policyCases(),
    ...(await verifierCases(bench, echo, hmac)),
    {
      name: 'socket: open, auth with a known token, close',
      run: authenticate(bench, () => known),
      against: 'JSON of that message',
      baseline: echo(authFrame),
    },
    {
      name: 'socket: the same with a token not seen before',
      prepare: (times) => {
        fresh = Array.from({ length: times }, () => bench.newToken())
      },
      run: authenticate(bench, () => fresh.pop()!),
      against: 'the HMAC alone',
      baseline: hmac(known),
    },
    {
      name: 'ping',
      run: command(bench, ping),
      against: 'JSON of that message',
      baseline: echo(Buffer.from(ping(1000))),
    },
    {
      name: 'auth/current_user',
      run: command(bench, (id) => `{"id":${id},"type":"auth/current_user"}`),
      against: 'JSON of that message',
      baseline: echo(Buffer.from('{"id":1000,"type":"auth/current_user"}')),
    },
    {
      name: 'refresh over HTTP',
      run: async (times) => {
        for (let i = 0; i < times; i++) await refreshed(bench)
      },
      against: 'the HMAC alone',
      baseline: hmac(known),
    },
  ]
}
