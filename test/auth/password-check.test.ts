/** Guesses at one account: when they wait, when they stop, and who is spared. On a real store; waiting takes no time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Overloaded, PasswordHasher } from '../../src/auth/hashing.ts'
import { createPasswordCheck, type PasswordCheck } from '../../src/auth/password-check.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { UserId } from '../../src/store/model.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { credential, user } from '../store/records.ts'

const NAME = 'ann'
const PASSWORD = 'right'
const HOME = '192.0.2.1'
const DAY = 86_400_000

let folder: string
let store: Store
let check: PasswordCheck
let hasher: PasswordHasher
let who: UserId
/** How long each pause would have been. */
let waits: number[]
let wall: number
/** The ends of pauses, while they are held. */
let held: (() => void)[] | null

const clock: Clock = {
  now: () => wall,
  monotonic: systemClock.monotonic,
  after: (ms, call) => {
    waits.push(ms)
    if (held === null) setImmediate(call)
    else held.push(call)
    return { cancel: () => undefined }
  },
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-check-'))
  const opened = await openSqlite({
    file: join(folder, 'latchkey.db'),
    expect: null,
    pepperCheck: () => Buffer.alloc(32, 1),
    clock: systemClock,
  })
  store = opened.store
  hasher = await PasswordHasher.create({ memoryKib: 8, time: 1, parallelism: 1, concurrency: 2, queue: 5000 })
  const ann = user()
  who = ann.id
  await store.users.create(ann)
  await store.passwords.add(credential(ann, NAME), await hasher.hash(PASSWORD))
  wall = systemClock.now()
  waits = []
  held = null
  check = createPasswordCheck(store.passwords, store.places, hasher, clock)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** One try from each of so many addresses that nobody logged in from. */
const guess = async (times: number, name = NAME): Promise<void> => {
  for (let i = 0; i < times; i++) expect(await check(name, 'wrong', `198.51.${i >> 8}.${i & 255}`)).toBe(false)
}

test('from the fifth failure in a row each try waits, twice as long each time and at most eight seconds (D4)', async () => {
  await guess(10)
  expect(waits).toEqual([1000, 2000, 4000, 8000, 8000])
})

test('a name that nobody has is slowed down in the same way (D1, D4)', async () => {
  await guess(7, 'nobody')
  expect(waits).toEqual([1000, 2000])
})

test('the right password is taken after the pause, and ends the row', async () => {
  await guess(6)
  waits = []
  expect(await check(NAME, PASSWORD, HOME)).toBe(true)
  expect(waits).toEqual([2000])
  waits = []
  await guess(5)
  expect(waits).toEqual([])
})

test('after a hundred failures nobody from an unknown place is let in, until there is a new password (D4)', async () => {
  await guess(100)
  expect(await check(NAME, PASSWORD, HOME)).toBe(false)
  await store.passwords.set(who, await hasher.hash('another'), null)
  waits = []
  expect(await check(NAME, 'another', HOME)).toBe(true)
  expect(waits).toEqual([])
})

test('where the account logged in within thirty days nothing waits, and nothing is stopped (D5)', async () => {
  expect(await check(NAME, PASSWORD, HOME)).toBe(true)
  await guess(100)
  waits = []
  wall += 29 * DAY
  expect(await check(NAME, 'mistyped', HOME)).toBe(false)
  expect(await check(NAME, PASSWORD, HOME)).toBe(true)
  expect(waits).toEqual([])
  // That login counts as one too: thirty days from there.
  wall += 29 * DAY
  expect(await check(NAME, PASSWORD, HOME)).toBe(true)
  wall += 31 * DAY
  expect(await check(NAME, PASSWORD, HOME)).toBe(false)
})

test('what is mistyped at a known place is not counted for strangers (D5)', async () => {
  await check(NAME, PASSWORD, HOME)
  for (let i = 0; i < 20; i++) expect(await check(NAME, 'mistyped', HOME)).toBe(false)
  await guess(5)
  expect(waits).toEqual([])
})

test('a network of 64 bits is one place', async () => {
  await check(NAME, PASSWORD, '2001:db8:1:2::1')
  await guess(100)
  expect(await check(NAME, PASSWORD, '2001:db8:1:2:ffff::9')).toBe(true)
  expect(await check(NAME, PASSWORD, '2001:db8:1:3::1')).toBe(false)
})

test('of a crowd at once a few are judged, one after the other, and the others are told to come again (D4, D6)', async () => {
  held = []
  let refused = 0
  let over: () => void = () => undefined
  const others = new Promise<void>((resolve) => {
    over = resolve
  })
  const tries = Array.from({ length: 1000 }, async (_, i) => {
    try {
      return await check(NAME, 'wrong', `198.51.${i >> 8}.${i & 255}`)
    } catch (error) {
      expect(error).toBeInstanceOf(Overloaded)
      if (++refused === 1000 - 15) over()
      return null
    }
  })
  await others
  const [first] = held
  expect(held).toHaveLength(1)
  held = null
  first!()
  const judged = (await Promise.all(tries)).filter((outcome) => outcome !== null)
  expect(judged).not.toContain(true)
  // Five at once, and while these were judged and after them as many as may wait.
  expect(judged.length).toBeGreaterThanOrEqual(10)
  expect(judged.length).toBeLessThanOrEqual(15)
  expect(waits.slice(0, 5)).toEqual([1000, 2000, 4000, 8000, 8000])
})

test('D2: every attempt costs one hash, whoever it is for and however it ends', async () => {
  const verify = vi.spyOn(hasher, 'verify')
  const cost = async (name: string, password: string, from = HOME): Promise<number> => {
    verify.mockClear()
    await check(name, password, from)
    return verify.mock.calls.length
  }
  expect(await cost('nobody', 'wrong')).toBe(1)
  expect(await cost(NAME, 'wrong')).toBe(1)
  await guess(100)
  expect(await cost(NAME, PASSWORD)).toBe(1)
})

test('D15: a hash of other parameters is made anew at the next login, and at no other', async () => {
  const stronger = await PasswordHasher.create({ memoryKib: 64, time: 2, parallelism: 1, concurrency: 2, queue: 10 })
  const later = createPasswordCheck(store.passwords, store.places, stronger, clock)
  const before = await store.passwords.hash(NAME)
  expect(await later(NAME, 'wrong', HOME)).toBe(false)
  expect(await store.passwords.hash(NAME)).toBe(before)
  expect(await later(NAME, PASSWORD, HOME)).toBe(true)
  const after = await store.passwords.hash(NAME)
  expect(after).toMatch(/^\$argon2id\$v=19\$m=64,t=2,p=1\$/)
  expect(await later(NAME, PASSWORD, HOME)).toBe(true)
  expect(await store.passwords.hash(NAME)).toBe(after)
})
