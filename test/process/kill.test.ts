/**
 * kill -9 under load, again and again on the same data: whatever was acknowledged is there after the restart, whatever was
 * not is there whole or not at all. `npm run kill` does it 200 times.
 */
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { expectWhole } from '../database.ts'
import { authenticated, exchange, logIn, onboard, post, postForm, USER } from '../rig.ts'
import { cleanUp, newFolder, type Served, serve } from './child.ts'

const ROUNDS = Number(process.env['LATCHKEY_KILL_ROUNDS'] ?? 20)
/** Under load for this long, at least and at most, before the kill. */
const LOAD_MS = [30, 400] as const
const CLIENT = 'https://example.com/app'
/** Each kill leaves logins behind that nobody will finish: more than one address may have. */
const MANY_FLOWS = { LATCHKEY_LIMITS_LOGIN_FLOWS_PER_ADDRESS: '10000' }

afterEach(cleanUp)

const refresh = async (url: string, secret: string): Promise<number> => {
  const fields = { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: secret }
  return (await postForm(`${url}/auth/token`, fields)).status
}

const asBearer = async (url: string, token: string): Promise<number> =>
  (await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${token}` } })).status

/** What the server has acknowledged. What was asked for and not answered is in neither list. */
class Ledger {
  readonly live = new Set<string>()
  readonly revoked = new Set<string>()
  readonly longLived = new Set<string>()

  async check({ url }: Served): Promise<void> {
    for (const secret of this.live) expect(await refresh(url, secret)).toBe(200)
    for (const secret of this.revoked) expect(await refresh(url, secret)).toBe(400)
    for (const token of this.longLived) expect(await asBearer(url, token)).toBe(200)
  }

  /** Bounds what the next rounds check. */
  trim(): void {
    for (const list of [this.live, this.revoked, this.longLived]) {
      for (const old of [...list].slice(0, -20)) list.delete(old)
    }
  }
}

/** Does `step` until the server is gone. Whatever fails before that is a failure. */
const until = async ({ child }: Served, step: () => Promise<void>): Promise<void> => {
  let gone = false
  const ended = child.ended.then(() => {
    gone = true
  })
  while (!gone) {
    try {
      await step()
    } catch (error) {
      if (!isCut(error)) throw error
      // The connection is the first to know.
      await ended
    }
  }
}

/** True if the connection ended under a request. */
const isCut = (error: unknown): boolean =>
  (error instanceof TypeError && /fetch failed|terminated/.test(error.message)) ||
  (error instanceof Error && /before a message came/.test(error.message))

const load = async (served: Served, ledger: Ledger): Promise<void> => {
  const { child, url } = served
  const makeSession = async (): Promise<void> => {
    const { refresh_token } = await exchange(url, await logIn(url, CLIENT), CLIENT)
    ledger.live.add(refresh_token)
  }
  const revoke = async (): Promise<void> => {
    const [secret] = ledger.live
    if (secret === undefined) return makeSession()
    ledger.live.delete(secret)
    const { status } = await postForm(`${url}/auth/revoke`, { token: secret })
    expect(status).toBe(200)
    ledger.revoked.add(secret)
  }
  const { access_token } = await exchange(url, await logIn(url, CLIENT), CLIENT)
  const socket = await authenticated(url, access_token)
  let id = 0
  const makeLongLived = async (): Promise<void> => {
    socket.send({ id: ++id, type: 'auth/long_lived_access_token', client_name: `${Math.random()}`, lifespan: 9 })
    const { result } = (await socket.next()) as { result: string }
    ledger.longLived.add(result)
  }
  const workers = [makeSession, makeSession, revoke, makeLongLived].map((step) => until(served, step))
  const [least, most] = LOAD_MS
  setTimeout(() => child.process.kill('SIGKILL'), least + Math.random() * (most - least))
  await Promise.all(workers)
}

test(`${ROUNDS} times killed under load, no acknowledged token or revocation is lost, and nothing is half written`, {
  timeout: ROUNDS * 20_000,
}, async () => {
  const folder = newFolder()
  const ledger = new Ledger()
  let served = await serve(folder, [], MANY_FLOWS)
  await onboard(served.url, CLIENT)
  for (let round = 0; round < ROUNDS; round++) {
    await load(served, ledger)
    served = await serve(folder, [], MANY_FLOWS)
    expect(served.setUp).toBe(null)
    await ledger.check(served)
    ledger.trim()
  }
  expect(ledger.live.size + ledger.revoked.size + ledger.longLived.size).toBeGreaterThan(0)
  await served.child.kill('SIGTERM')
  await expectWhole(join(folder, 'latchkey.db'))
})

test(`${ROUNDS} times killed while the owner is made, there is a whole owner or none, and an acknowledged one stays`, {
  timeout: ROUNDS * 20_000,
}, async () => {
  // How long it takes where nobody is killed: the rounds sweep over that, on a fast machine and on a slow one.
  const untouched = await serve(newFolder(), [], MANY_FLOWS)
  const begun = performance.now()
  await onboard(untouched.url, CLIENT)
  const makingMs = performance.now() - begun
  await untouched.child.kill('SIGKILL')

  let acknowledged = 0
  for (let round = 0; round < ROUNDS; round++) {
    const folder = newFolder()
    const first = await serve(folder, [], MANY_FLOWS)
    // Later and later, until well after it is made.
    setTimeout(() => first.child.process.kill('SIGKILL'), (2 * makingMs * round) / ROUNDS)
    const code = await onboard(first.url, CLIENT).catch(() => null)
    await first.child.ended
    const second = await serve(folder, [], MANY_FLOWS)
    const steps = (await (await fetch(`${second.url}/api/onboarding`)).json()) as { done: boolean }[]
    const isDone = steps[0]!.done
    expect(second.setUp === null).toBe(isDone)
    if (code !== null) {
      acknowledged++
      expect(isDone).toBe(true)
      await exchange(second.url, code, CLIENT)
    }
    if (isDone) await logIn(second.url, CLIENT)
    else await onboard(second.url, CLIENT)
    const again = await post(`${second.url}/api/onboarding/users`, { ...USER, client_id: CLIENT, language: 'en' })
    expect(again.status).toBe(403)
    await second.child.kill('SIGTERM')
    await expectWhole(join(folder, 'latchkey.db'))
  }
  expect(acknowledged).toBeGreaterThan(0)
})
