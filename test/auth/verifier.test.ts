/** The verifier's races, each brought about on purpose: the store's answers come when the test lets them. */
import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { mint } from '../../src/auth/jwt.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { deriveKeys, newId } from '../../src/auth/secrets.ts'
import { Verifier } from '../../src/auth/verifier.ts'
import { Hub, type Seat } from '../../src/gateway/hub.ts'
import { ChangeFeed } from '../../src/store/changes.ts'
import type { Grant, GrantId, GroupId, GroupPolicy, Head, RefreshToken, User, UserId } from '../../src/store/model.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import { MovableClock } from '../rig.ts'

const keys = deriveKeys(randomBytes(32))

const newGrant = (userId = newId<UserId>()): Grant => {
  const user: User = {
    id: userId,
    name: 'Ann',
    isOwner: false,
    isActive: true,
    localOnly: false,
    systemGenerated: false,
    groups: ['system-users'],
  }
  const token = { id: newId<GrantId>(), userId, salt: randomBytes(16), expireAt: null } as unknown as RefreshToken
  return { token, user, credential: null }
}

interface Answer {
  readonly head: Head
  readonly grants: readonly Grant[]
  readonly policies: readonly GroupPolicy[]
}

/** A store whose snapshots are taken when it is asked, and given when the test says so. */
class Source {
  /** The grants that stand. */
  readonly standing = new Map<GrantId, Grant>()
  readonly policies = new Map<GroupId, GroupPolicy>()
  readonly asked: (readonly GrantId[])[] = []
  held = false
  readonly #feed: ChangeFeed
  #waiting: (() => void)[] = []
  #noticed: (() => void)[] = []

  constructor(feed: ChangeFeed) {
    this.#feed = feed
  }

  readonly grants = (ids: readonly GrantId[]): Promise<Answer> => {
    this.asked.push(ids)
    const answer = {
      head: this.#feed.head,
      grants: ids.flatMap((id) => this.standing.get(id) ?? []),
      policies: [...this.policies.values()],
    }
    for (const notice of this.#noticed.splice(0)) notice()
    if (!this.held) return Promise.resolve(answer)
    return new Promise((resolve) => this.#waiting.push(() => resolve(answer)))
  }

  /** Resolves when the store is asked the next time. */
  question(): Promise<void> {
    return new Promise((resolve) => this.#noticed.push(resolve))
  }

  release(): void {
    this.held = false
    for (const give of this.#waiting.splice(0)) give()
  }
}

let feed: ChangeFeed
let source: Source
let verifier: Verifier
let clock: MovableClock

beforeEach(() => {
  feed = new ChangeFeed({ seq: 0, mark: '00' })
  source = new Source(feed)
  clock = new MovableClock()
  verifier = new Verifier(source, feed, keys, clock, undefined, 100)
})

const change = (kind: string, subject: string): void =>
  feed.apply([{ seq: feed.head.seq + 1, mark: newId(), kind, subject, data: {}, at: 0 }])

const stand = (grant: Grant): Grant => {
  source.standing.set(grant.token.id, grant)
  return grant
}
const revoke = ({ token: { id } }: Grant): void => {
  source.standing.delete(id)
  change('grant_revoked', id)
}
const tokenOf = ({ token: { id, salt } }: Grant, more: { iat?: number; exp?: number } = {}): string => {
  const now = Math.floor(clock.now() / 1000)
  return mint({ iss: id, iat: now, exp: now + 1800, ...more }, keys.accessKey(id, salt))
}

test('a token that was verified is known, without a promise and without a read', async () => {
  const grant = stand(newGrant())
  const token = tokenOf(grant)
  expect(verifier.known(token)).toBe(undefined)
  expect(await verifier.verify(token)).toMatchObject({ grantId: grant.token.id, userId: grant.user.id })
  expect(verifier.known(token)).toMatchObject({ grantId: grant.token.id })
  expect(await verifier.verify(tokenOf(grant, { exp: Math.floor(clock.now() / 1000) + 60 }))).not.toBe(null)
  expect(source.asked).toHaveLength(1)
})

test('a revocation while its grant is read: the answer is from before, and is not believed', async () => {
  const grant = stand(newGrant())
  source.held = true
  const asked = source.question()
  const verdict = verifier.verify(tokenOf(grant))
  await asked
  revoke(grant)
  source.release()
  expect(await verdict).toBe(null)
  expect(source.asked).toHaveLength(2)
})

test('a revocation between the answer and its use: the token is not good', async () => {
  const grant = stand(newGrant())
  const grants = source.grants
  let given: Promise<Answer> | null = null
  const noticed = new Promise<void>((resolve) => {
    verifier = new Verifier(
      {
        grants: (ids) => {
          const answer = grants(ids)
          if (given === null) {
            given = answer
            resolve()
          }
          return answer
        },
      },
      feed,
      keys,
      clock,
    )
  })
  const verdict = verifier.verify(tokenOf(grant))
  await noticed
  // After the verifier's own continuation, before that of whoever asked it.
  void given!.then(() => revoke(grant))
  expect(await verdict).toBe(null)
})

test('nobody joins a read that was sent: it may be older than the question', async () => {
  const grant = newGrant()
  source.held = true
  const first = source.question()
  const early = verifier.verify(tokenOf(grant))
  await first
  stand(grant)
  change('grant_added', grant.token.id)
  const second = source.question()
  const late = verifier.verify(tokenOf(grant))
  await second
  expect(source.asked).toHaveLength(2)
  source.release()
  expect(await late).not.toBe(null)
  expect(await early).not.toBe(null)
})

test('who is admitted is seated in the turn of the check: a revocation in the next breath finds the seat', async () => {
  const grant = stand(newGrant())
  const hub = new Hub(verifier, feed)
  const closes: string[] = []
  const seatOf = (who: Principal): Seat => ({
    who,
    address: '127.0.0.1',
    since: 0,
    condemn: (close) => closes.push(close),
    depart: () => undefined,
    hold: () => undefined,
    release: () => undefined,
  })
  await verifier.verify(tokenOf(grant), (who) => {
    hub.add({ seat: seatOf(who) }, who)
    queueMicrotask(() => revoke(grant))
  })
  await Promise.resolve()
  expect(closes).toEqual(['revoked'])
})

test('the twin of a known token, with another head or body, is not known, and not good (B6)', async () => {
  const grant = stand(newGrant())
  const token = tokenOf(grant)
  await verifier.verify(token)
  const cut = token.lastIndexOf('.')
  for (let at = 0; at < cut; at++) {
    const twin = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    expect(verifier.known(twin)).toBe(undefined)
    expect(await verifier.verify(twin)).toBe(null)
  }
})

test('whatever ends a grant kills every token of it that is known (B6, B21)', async () => {
  const grant = stand(newGrant())
  const tokens = [0, 1, 2].map((i) => tokenOf(grant, { exp: Math.floor(clock.now() / 1000) + 100 + i }))
  for (const token of tokens) await verifier.verify(token)
  revoke(grant)
  expect(tokens.map((token) => verifier.known(token))).toEqual([undefined, undefined, undefined])
  expect(await Promise.all(tokens.map((token) => verifier.verify(token)))).toEqual([null, null, null])
})

test.each(['user_changed', 'user_removed'])(
  '%s: the grants of this user are read anew, those of others are not',
  async (kind) => {
    const mine = [stand(newGrant()), stand(newGrant())]
    const userId = mine[0]!.user.id
    mine[1] = stand(newGrant(userId))
    const theirs = stand(newGrant())
    for (const grant of [...mine, theirs]) await verifier.verify(tokenOf(grant))
    change(kind, userId)
    expect(mine.map((grant) => verifier.known(tokenOf(grant)))).toEqual([undefined, undefined])
    expect(verifier.known(tokenOf(theirs))).toMatchObject({ grantId: theirs.token.id })
  },
)

test('a kind of change that is not known here may mean anything: nothing is believed any more', async () => {
  const grant = stand(newGrant())
  await verifier.verify(tokenOf(grant))
  change('something_new', 'x')
  expect(verifier.known(tokenOf(grant))).toBe(undefined)
})

test('a grant that does not exist is asked for once in five seconds, and again as soon as it was made', async () => {
  const grant = newGrant()
  const ask = () => verifier.verify(tokenOf(grant))
  expect([await ask(), await ask()]).toEqual([null, null])
  expect(source.asked).toHaveLength(1)
  clock.move(5001)
  expect(await ask()).toBe(null)
  expect(source.asked).toHaveLength(2)
  stand(grant)
  change('grant_added', grant.token.id)
  expect(await ask()).not.toBe(null)
})

test('what is not in memory any more is read again, and its tokens with it', async () => {
  verifier = new Verifier(source, feed, keys, clock, undefined, 2)
  const grants = [stand(newGrant()), stand(newGrant()), stand(newGrant())]
  for (const grant of grants) await verifier.verify(tokenOf(grant))
  expect(verifier.known(tokenOf(grants[0]!))).toBe(undefined)
  revoke(grants[0]!)
  expect(await verifier.verify(tokenOf(grants[0]!))).toBe(null)
})

test('many who ask for one grant cost one read; many grants are read in pieces', async () => {
  verifier = new Verifier(source, feed, keys, clock)
  const grant = stand(newGrant())
  await Promise.all(Array.from({ length: 100 }, () => verifier.verify(tokenOf(grant))))
  expect(source.asked.map((ids) => ids.length)).toEqual([1])
  const many = Array.from({ length: 1200 }, () => stand(newGrant()))
  await Promise.all(many.map((one) => verifier.verify(tokenOf(one))))
  expect(source.asked.map((ids) => ids.length)).toEqual([1, 500, 500, 200])
})

test('a read that fails is everybody’s failure who waited for it, and nobody’s after that', async () => {
  const grant = stand(newGrant())
  const { grants } = source
  let failing = true
  verifier = new Verifier(
    { grants: (ids) => (failing ? Promise.reject(new StoreUnavailable('fault')) : grants(ids)) },
    feed,
    keys,
    clock,
  )
  const asked = [verifier.verify(tokenOf(grant)), verifier.verify(tokenOf(grant))]
  for (const verdict of await Promise.allSettled(asked)) {
    expect(verdict).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } })
  }
  failing = false
  expect(await verifier.verify(tokenOf(grant))).not.toBe(null)
})

test('a log that is ahead of every read ends in a failure, not in a guess', async () => {
  const grant = stand(newGrant())
  const { grants } = source
  const overtaken = async (ids: readonly GrantId[]): Promise<Answer> => {
    const answer = await grants(ids)
    change('user_added', newId())
    return answer
  }
  verifier = new Verifier({ grants: overtaken }, feed, keys, clock)
  await expect(verifier.verify(tokenOf(grant))).rejects.toThrow('the change log was ahead of every read')
  expect(source.asked.length).toBeLessThanOrEqual(6)
})

test('what is no token costs no read', async () => {
  const grant = stand(newGrant())
  const token = tokenOf(grant)
  for (const text of ['', 'x', 'a.b.c', token.slice(1), token.replaceAll('.', ''), `${token}.`, 'a'.repeat(9000)]) {
    expect(await verifier.verify(text)).toBe(null)
  }
  expect(source.asked).toEqual([])
})

test('an access token has its time, with ten seconds at both ends (B7)', async () => {
  const grant = stand(newGrant())
  const token = tokenOf(grant)
  await verifier.verify(token)
  clock.move(1809_000)
  expect(verifier.known(token)).not.toBe(null)
  clock.move(2000)
  expect(verifier.known(token)).toBe(null)
  expect(await verifier.verify(token)).toBe(null)
  const now = Math.floor(clock.now() / 1000)
  expect(await verifier.verify(tokenOf(grant, { iat: now + 9, exp: now + 100 }))).not.toBe(null)
  expect(await verifier.verify(tokenOf(grant, { iat: now + 12, exp: now + 100 }))).toBe(null)
})
