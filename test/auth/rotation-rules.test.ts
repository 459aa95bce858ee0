/** What a rotating refresh token gets, rule by rule and to the millisecond, and what each answer leaves in the database. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digest } from '../../src/auth/secrets.ts'
import { CLIENT, DAY, type Got, newAttempt, openShelf, SECOND, type Session, type Shelf } from './rotating.ts'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.close())

const GONE: Got = { error: 'invalid_grant' }
const NOT_YOURS: Got = { error: 'wrong_client' }
const LATER: Got = { error: 'raced' }
const DENIED: Got = { error: 'access_denied' }
const MONTH = 30 * DAY
/** From where a user who may only come in from the local network does not come in. */
const ABROAD = { address: '203.0.113.7' }

/** A session at generation 2, whose last step was made with this attempt. */
const atTwo = async (attempt: string | null, localOnly = false): Promise<Session> => {
  const session = await shelf.session({ localOnly })
  expect(await session.show(0, newAttempt())).toMatchObject({ generation: 1 })
  expect(await session.show(1, attempt)).toMatchObject({ generation: 2 })
  shelf.shown.length = 0
  return session
}

/** Fails unless the answer is this and the row is as it was. */
const expectUnchanged = async (session: Session, show: () => Promise<Got>, wanted: Got): Promise<void> => {
  const before = await session.row()
  expect(await show()).toEqual(wanted)
  expect(await session.row()).toEqual(before)
}

const endings = (): unknown[] =>
  shelf.changes.filter(({ kind }) => kind === 'grant_revoked').map(({ subject, data }) => [subject, data['reason']])

describe('the rules are asked in their order', () => {
  test('what was not made here, has expired or is over is an unknown token, whatever else is wrong with it', async () => {
    const session = await atTwo(null)
    const wrong = { clientId: 'https://other.example/' }
    const secret = session.token(2).replace(/.$/, (end) => (end === '0' ? '1' : '0'))
    await expectUnchanged(session, () => session.show(2, 'short', { ...wrong, secret }), GONE)
    const { expireAt } = (await session.row())!
    shelf.clock.time = expireAt!
    for (const generation of [0, 1, 2]) {
      await expectUnchanged(session, () => session.show(generation, newAttempt(), wrong), GONE)
    }
    await shelf.tokens.revokeSecret(session.token(2))
    expect(await session.show(2, 'short', wrong)).toEqual(GONE)
    expect([shelf.shown, endings()]).toEqual([[], [[session.id, 'revoked']]])
  })

  test('another client or an attempt that is none changes nothing, with the newest token and with one from far back', async () => {
    const session = await atTwo(newAttempt())
    for (const generation of [0, 1, 2, 3]) {
      for (const clientId of ['https://other.example/', `${CLIENT}?`, null]) {
        await expectUnchanged(session, () => session.show(generation, newAttempt(), { clientId }), NOT_YOURS)
      }
      for (const attempt of ['', 'x'.repeat(21), 'x'.repeat(129), `${'x'.repeat(22)}=`, 'é'.repeat(22)]) {
        await expectUnchanged(session, () => session.show(generation, attempt), NOT_YOURS)
      }
    }
    expect(shelf.shown).toEqual([])
    expect(await session.show(2, 'x'.repeat(22))).toMatchObject({ generation: 3 })
    expect(await session.show(3, 'x'.repeat(128))).toMatchObject({ generation: 4 })
  })

  test('a replay and a step need a user who may log in, and change nothing for one who may not', async () => {
    const attempt = newAttempt()
    const session = await atTwo(attempt, true)
    await expectUnchanged(session, () => session.show(1, attempt, ABROAD), DENIED)
    await expectUnchanged(session, () => session.show(2, newAttempt(), ABROAD), DENIED)
    await expectUnchanged(session, () => session.show(7, newAttempt(), ABROAD), DENIED)
    const without = await atTwo(null, true)
    await expectUnchanged(without, () => without.show(1, null, ABROAD), DENIED)
    expect(shelf.shown).toEqual([])
  })

  test('a race, a theft and an attempt that has served are told to whoever shows them, also one who may not log in', async () => {
    const attempt = newAttempt()
    const session = await atTwo(attempt, true)
    await expectUnchanged(session, () => session.show(1, newAttempt(), ABROAD), LATER)
    await expectUnchanged(session, () => session.show(2, attempt, ABROAD), NOT_YOURS)
    expect(await session.show(0, newAttempt(), ABROAD)).toEqual(GONE)
    expect(await session.row()).toBe(null)
    expect(shelf.shown).toEqual(['race', 'reuse'])
  })

  test('an attempt that has served is refused from ahead too, and no attempt never has', async () => {
    const attempt = newAttempt()
    const session = await atTwo(attempt)
    await expectUnchanged(session, () => session.show(9, attempt), NOT_YOURS)
    expect(await session.show(9, null)).toMatchObject({ generation: 10 })
    expect(await session.show(10, null)).toMatchObject({ generation: 11 })
    expect(shelf.shown).toEqual(['ahead', 'step'])
  })

  test('a step keeps its generation, the hash of its attempt and its time; a token from ahead makes one as well (R50)', async () => {
    const [first, second] = [newAttempt(), newAttempt()]
    const session = await atTwo(null)
    shelf.clock.time += 5 * SECOND
    expect(await session.show(2, first)).toEqual({ generation: 3, token: session.token(3) })
    const attempt = new Uint8Array(digest(first))
    expect(await session.row()).toMatchObject({ generation: 3, attempt, answeredAt: shelf.clock.time })
    // The store lost the steps from 3 to 8: their owner goes on, and who holds the old ones is found out.
    expect(await session.show(8, second)).toEqual({ generation: 9, token: session.token(9) })
    expect(await session.show(3, newAttempt())).toEqual(GONE)
    expect(shelf.shown).toEqual(['step', 'ahead', 'reuse'])
    expect(endings()).toEqual([[session.id, 'reuse']])
  })
})

describe('the window', () => {
  test.each([
    ['another attempt', newAttempt, newAttempt],
    ['an attempt after none', () => null, newAttempt],
    ['none after an attempt', newAttempt, () => null],
  ])('%s is a race at 9.9 seconds and a theft at 10.1, and no answer opens it again', async (_, made, given) => {
    const session = await atTwo(made())
    for (let i = 0; i < 3; i++) {
      shelf.clock.time += 3300
      await expectUnchanged(session, () => session.show(1, given()), LATER)
    }
    shelf.clock.time += 200
    expect(await session.show(1, given())).toEqual(GONE)
    expect([await session.row(), await session.show(2, newAttempt())]).toEqual([null, GONE])
    expect(shelf.shown).toEqual(['race', 'race', 'race', 'reuse'])
  })

  test('without attempts the same answer comes at 9.9 seconds, and the session is over at 10.1', async () => {
    for (const [age, alive] of [
      [9900, true],
      [10_100, false],
    ] as const) {
      const session = await atTwo(null)
      shelf.clock.time += age
      expect(await session.show(1, null)).toEqual(alive ? { generation: 2, token: session.token(2) } : GONE)
      expect((await session.row()) !== null).toBe(alive)
    }
  })

  test('is held open by no replay: repeated each nine seconds, the second without attempt is a theft', async () => {
    const session = await atTwo(null)
    shelf.clock.time += 9 * SECOND
    const { answeredAt } = (await session.row())!
    expect(await session.show(1, null)).toMatchObject({ generation: 2 })
    expect((await session.row())!.answeredAt).toBe(answeredAt)
    shelf.clock.time += 9 * SECOND
    expect(await session.show(1, null)).toEqual(GONE)
  })

  test('is held open by no thief who repeats its own step each nine seconds: the owner ends the session (B27)', async () => {
    const session = await atTwo(newAttempt())
    const theirs = newAttempt()
    expect(await session.show(2, theirs)).toMatchObject({ generation: 3 })
    for (let i = 0; i < 3; i++) {
      shelf.clock.time += 9 * SECOND
      expect(await session.show(2, theirs)).toMatchObject({ generation: 3 })
    }
    shelf.clock.time += 3 * SECOND
    expect(await session.show(2, newAttempt())).toEqual(GONE)
    expect(await session.row()).toBe(null)
  })
})

describe('an attempt', () => {
  test('gets its answer a second before thirty days are over, and not a second after', async () => {
    for (const [age, alive] of [
      [MONTH - SECOND, true],
      [MONTH + SECOND, false],
    ] as const) {
      const attempt = newAttempt()
      const session = await atTwo(attempt)
      shelf.clock.time += age
      expect(await session.show(1, attempt)).toEqual(alive ? { generation: 2, token: session.token(2) } : GONE)
      expect((await session.row()) !== null).toBe(alive)
    }
  })

  test('gets its answer from a clock that went back two hours, while the window for others is closed', async () => {
    const attempt = newAttempt()
    const session = await atTwo(attempt)
    shelf.clock.time -= 7_200_000
    expect(await session.show(1, attempt)).toEqual({ generation: 2, token: session.token(2) })
    expect(await session.show(1, newAttempt())).toEqual(GONE)
    const without = await atTwo(null)
    shelf.clock.time -= 7_200_000
    expect(await without.show(1, null)).toEqual(GONE)
  })

  test('gets its answer after a restart, to the byte (B27)', async () => {
    const attempt = newAttempt()
    const session = await atTwo(attempt)
    await shelf.restart()
    expect(await session.show(1, attempt)).toEqual({ generation: 2, token: session.token(2) })
    await shelf.restart()
    expect(await session.show(1, newAttempt())).toEqual(LATER)
    expect(await session.show(2, newAttempt())).toMatchObject({ generation: 3 })
  })
})

describe('an ancestor', () => {
  test('is a theft within the window too, also with the attempt that it was used with (B19)', async () => {
    const attempts = [newAttempt(), newAttempt(), newAttempt()]
    for (const again of [attempts[0]!, newAttempt(), null]) {
      const session = await shelf.session()
      for (const [n, attempt] of attempts.entries()) {
        shelf.clock.time += SECOND
        expect(await session.show(n, attempt)).toMatchObject({ generation: n + 1 })
      }
      shelf.clock.time += SECOND
      expect(await session.show(0, again)).toEqual(GONE)
      expect(await session.row()).toBe(null)
    }
  })

  test('is told from the parent where twenty steps share one instant (B19)', async () => {
    const attempts = Array.from({ length: 20 }, newAttempt)
    const session = await shelf.session()
    const given = new Set<string>()
    for (const [n, attempt] of attempts.entries()) {
      const got = await session.show(n, attempt)
      expect(got).toEqual({ generation: n + 1, token: session.token(n + 1) })
      given.add((got as { token: string }).token)
    }
    expect(given.size).toBe(20)
    expect(await session.show(19, attempts[19]!)).toMatchObject({ generation: 20 })
    expect(await session.show(18, attempts[18]!)).toEqual(GONE)
    expect(await session.row()).toBe(null)
  })
})

test('another session of the same user outlives a theft', async () => {
  const [robbed, other] = [await atTwo(newAttempt()), await atTwo(newAttempt())]
  expect(await robbed.show(0, newAttempt())).toEqual(GONE)
  expect(await other.show(2, newAttempt())).toMatchObject({ generation: 3 })
})
