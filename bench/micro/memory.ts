/** What is taken in memory: by a grant that is kept, and by a socket that has gone. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mint } from '../../src/auth/jwt.ts'
import { newRefreshSecret } from '../../src/auth/secrets.ts'
import { Verifier } from '../../src/auth/verifier.ts'
import { newToken, newUser } from '../../src/cli/seed.ts'
import { systemClock } from '../../src/clock.ts'
import type { GrantId } from '../../src/store/model.ts'
import type { Peer } from '../../src/transport/transport.ts'
import type { Bench } from './gateway.ts'

/** Before anything is measured: what there is once is there then. */
const WARM = 1000
/** Asked for at a time, as they come from many sockets. */
const AT_ONCE = 20

export interface GrantMemory {
  /** Bytes of a grant that was read. */
  readonly grant: number
  /** Bytes of an access token that was verified, beside those of its grant. */
  readonly token: number
}

/** After everything that is not held was collected. */
const heapBytes = (): number => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // The first collection lets finalizers run, whose objects the next one takes.
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Puts grants in, each of a user of its own, of which nothing but the ids is held. */
const fillWith = async ({ fill }: Bench, grants: number): Promise<readonly GrantId[]> => {
  const users = Array.from({ length: grants }, (_, i) => newUser(i))
  const tokens = users.map(({ id }) => newToken(id, newRefreshSecret(), systemClock.now()))
  await fill(users, tokens)
  return tokens.map(({ id }) => id)
}

/** Each of a user of its own. */
export const grantMemory = async (bench: Bench, grants: number): Promise<GrantMemory> => {
  const ids = await fillWith(bench, WARM + grants)
  const verifier = new Verifier(bench.store.tokens, bench.feed, bench.keys, systemClock)
  const iat = Math.floor(systemClock.now() / 1000)
  const read = (id: GrantId): Promise<void> => verifier.stand(id, () => undefined)
  const show = async (id: GrantId): Promise<void> => {
    let token = ''
    await verifier.stand(id, (_, key) => {
      token = mint({ iss: id, iat, exp: iat + 1800 }, key!)
    })
    await verifier.verify(token)
  }
  const each = async (from: number, use: (id: GrantId) => Promise<void>): Promise<void> => {
    const to = from === 0 ? WARM : ids.length
    for (let i = from; i < to; i += AT_ONCE) await Promise.all(ids.slice(i, Math.min(to, i + AT_ONCE)).map(use))
  }
  await each(0, show)
  const before = heapBytes()
  await each(WARM, read)
  const withGrants = heapBytes()
  await each(WARM, show)
  const withTokens = heapBytes()
  return { grant: (withGrants - before) / grants, token: (withTokens - withGrants) / grants }
}

/** Sockets that are open at once. */
const OPEN = 40

const oldSpaceBytes = (): number =>
  getHeapSpaceStatistics().find((one) => one.space_name === 'old_space')!.space_used_size

/**
 * Bytes that a socket which came, authenticated, asked once and went leaves in the heap's old space, from where only a full
 * collection takes them.
 */
export const leftBySocket = async ({ open, tokens }: Bench, sockets: number): Promise<number> => {
  const auth = Buffer.from(JSON.stringify({ type: 'auth', access_token: tokens.access_token }))
  const ping = Buffer.from('{"id":1,"type":"ping"}')
  const visits = async (): Promise<void> => {
    const here: Peer[] = []
    for (let i = 0; i < sockets + OPEN; i++) {
      if (i < sockets) {
        const peer = open(() => undefined)
        peer.message(auth, false)
        peer.message(ping, false)
        here.push(peer)
      }
      if (i >= OPEN) here.shift()!.closed(1000)
      if (i % OPEN === 0) await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  // What there is once is old afterwards; and a full collection is as far away as it can be.
  await visits()
  heapBytes()
  const before = oldSpaceBytes()
  await visits()
  return (oldSpaceBytes() - before) / sockets
}
