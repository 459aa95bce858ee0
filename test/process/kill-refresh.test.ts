/**
 * kill -9 under a rotating refresh: the client that repeats it after the restart has the answer that was lost, to the byte.
 * `npm run kill` does it 200 times.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { expectWhole } from '../database.ts'
import { logIn, onboard, postForm, type Tokens } from '../rig.ts'
import { cleanUp, newFolder, serve } from './child.ts'

const ROUNDS = Number(process.env['LATCHKEY_KILL_ROUNDS'] ?? 10)
const CLIENT = 'https://example.com/app'

afterEach(cleanUp)

interface Rotating extends Tokens {
  readonly generation: number
}

const ask = async (url: string, fields: Readonly<Record<string, string>>): Promise<Rotating> => {
  const response = await postForm(`${url}/auth/token`, { client_id: CLIENT, ...fields })
  expect(response.status).toBe(200)
  return (await response.json()) as Rotating
}

test.each([
  ['once the step is acknowledged', true],
  ['at any moment of it', false],
])(
  `${ROUNDS} times killed %s, a refresh that is repeated gets one successor, and nobody is logged out`,
  {
    timeout: ROUNDS * 20_000,
  },
  async (_, acknowledged) => {
    const folder = newFolder()
    let served = await serve(folder)
    await onboard(served.url, CLIENT)
    const code = await logIn(served.url, CLIENT)
    let kept = await ask(served.url, { grant_type: 'authorization_code', code, rotate: '1' })
    // How long a refresh takes where nobody is killed: the rounds sweep over that.
    const begun = performance.now()
    kept = await ask(served.url, { grant_type: 'refresh_token', refresh_token: kept.refresh_token })
    const takesMs = performance.now() - begun

    for (let round = 1; round <= ROUNDS; round++) {
      const attempt = randomBytes(16).toString('base64url')
      const refresh = () => ask(served.url, { grant_type: 'refresh_token', refresh_token: kept.refresh_token, attempt })
      const { child } = served
      if (!acknowledged) setTimeout(() => child.process.kill('SIGKILL'), (2 * takesMs * round) / ROUNDS)
      const first = await refresh().catch((error: unknown) => {
        if (acknowledged || !(error instanceof TypeError)) throw error
        return null
      })
      if (acknowledged) child.process.kill('SIGKILL')
      await child.ended
      served = await serve(folder)
      const [again, oncemore] = [await refresh(), await refresh()]
      expect(again.generation).toBe(kept.generation + 1)
      expect(oncemore.refresh_token).toBe(again.refresh_token)
      if (first !== null) expect(first.refresh_token).toBe(again.refresh_token)
      kept = again
    }
    await served.child.kill('SIGTERM')
    await expectWhole(join(folder, 'latchkey.db'))
  },
)
