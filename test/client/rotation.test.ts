/** A refresh token that rotates: what is kept, what is sent, and what becomes of a step whose answer never came. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Fetch, OAuth2Session, type SessionOptions, type Token } from '../../src/client/index.ts'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  logIn,
  onboard,
  REDIRECT_URI,
  type Rig,
  rig,
  session,
  type Tokens,
} from '../rig.ts'
import { kept, newShelf, queueLocks, refreshed, refusal, rotatingSession, sessionOf } from './tools.ts'

afterEach(async () => {
  vi.unstubAllGlobals()
  await closeRigs()
})

const MINUTE = 60_000
const ATTEMPT = /^[A-Za-z0-9_-]{22,128}$/

/** A fetch that notes the attempts of refreshes, null where there is none; `lose` loses an answer after it was made. */
const noting = (lose: (nth: number) => boolean = () => false): { fetch: Fetch; attempts: (string | null)[] } => {
  const attempts: (string | null)[] = []
  return {
    attempts,
    fetch: async (input, init) => {
      const form = init?.body as URLSearchParams
      const isRefresh = form.get('grant_type') === 'refresh_token'
      if (isRefresh) attempts.push(form.get('attempt'))
      const answer = await fetch(input, init)
      if (isRefresh && lose(attempts.length - 1)) throw new TypeError('lost')
      return answer
    },
  }
}

test('it is asked for at the login, kept whole with each attempt before that is sent, and then without it', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const { shelf, auth } = await rotatingSession(gateway, { fetch })
  const first = shelf.token!
  expect(first).toMatchObject({ generation: 0, refresh_token: expect.stringMatching(/^lk_rt_/) })
  expect(first).not.toHaveProperty('attempt')
  await refreshed(gateway, auth)
  const [attempt] = attempts
  expect(attempt).toMatch(ATTEMPT)
  const [[login, none], [begun, before], [next, replaced], ...rest] = shelf.kept as [
    [Token, null],
    [Token, Token],
    [Token, Token],
  ]
  expect([login, none, before]).toEqual([first, null, first])
  expect(begun).toEqual({ ...first, attempt })
  expect(replaced).toEqual(begun)
  expect(next).toEqual({ ...auth.token, generation: 1 })
  expect(next.refresh_token).not.toBe(first.refresh_token)
  expect(next).not.toHaveProperty('attempt')
  expect(rest).toEqual([])
  await refreshed(gateway, auth)
  expect(auth.token.generation).toBe(2)
  expect(attempts).toHaveLength(2)
  expect(attempts[1]).not.toBe(attempt)
})

test('nothing is sent before its attempt is kept', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const { tab } = await rotatingSession(gateway, { fetch })
  const auth = tab({ tokenUpdater: () => Promise.reject(new RangeError('the disk is full')) })
  expect(await refusal(refreshed(gateway, auth))).toMatchObject({ message: 'the disk is full' })
  expect(attempts).toEqual([])
})

describe('without a store', () => {
  const says = 'a refresh token that rotates needs tokenLoader and tokenUpdater'
  const { tokenLoader, tokenUpdater } = newShelf().options

  test.each([{}, { tokenLoader }, { tokenUpdater }])('no session is made of one: %s', async (half) => {
    const token = { ...kept({ access_token: 'a', refresh_token: 'b', expires_in: 1800 }, 0), generation: 0 }
    const options = { fetch, host: 'http://127.0.0.1:1', clientId: CLIENT_ID, token, ...half }
    expect(() => new OAuth2Session(options)).toThrow(new TypeError(says))
  })

  test('none is asked for, and the code is not spent', async () => {
    const gateway = await rig()
    const code = await onboard(gateway.url)
    const { fetch, attempts } = noting()
    const login = { fetch, host: gateway.url, clientId: CLIENT_ID, code, verifier: null, redirectUri: REDIRECT_URI }
    expect(await refusal(OAuth2Session.exchange({ ...login, rotate: true }))).toEqual(new TypeError(says))
    const auth = await OAuth2Session.exchange(login)
    await refreshed(gateway, auth)
    expect(auth.token).not.toHaveProperty('generation')
    expect(attempts).toEqual([null])
  })

  test('that gives back the attempt, nothing is sent, and the application is told', async () => {
    const gateway = await rig()
    const { fetch, attempts } = noting()
    const { shelf, tab } = await rotatingSession(gateway, { fetch })
    const auth = tab({
      tokenUpdater: ({ attempt: _, ...token }) => {
        shelf.token = token
      },
    })
    const error = await refusal(refreshed(gateway, auth))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain('`attempt`')
    expect(attempts).toEqual([])
  })
})

test('a server that does not rotate gives a session as before, which sends no attempt', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const plain: Fetch = (input, init) => {
    const form = init!.body as URLSearchParams
    form.delete('rotate')
    return fetch(input, init)
  }
  const shelf = newShelf()
  const auth = await OAuth2Session.exchange({
    ...{ fetch: plain, host: gateway.url, clientId: CLIENT_ID, verifier: null, redirectUri: REDIRECT_URI },
    ...{ code: await onboard(gateway.url), rotate: true, clock: gateway.clock, ...shelf.options },
  })
  await refreshed(gateway, auth)
  expect(attempts).toEqual([null])
  expect(shelf.kept.map(([token]) => Object.keys(token))).toEqual(
    Array(2).fill(['access_token', 'refresh_token', 'expires_in', 'expires_at']),
  )
})

test('a session without generation sends no attempt, also where the application kept one', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const shelf = newShelf()
  const tokens = await session(gateway.url)
  const auth = sessionOf(gateway, tokens, { fetch, ...shelf.options })
  shelf.token = auth.token
  await refreshed(gateway, auth)
  await refreshed(gateway, auth)
  expect(attempts).toEqual([null, null])
  expect(auth.token.refresh_token).toBe(tokens.refresh_token)
})

describe('a step whose answer was lost', () => {
  test('is repeated with its attempt, at the next need, a day later too', async () => {
    const gateway = await rig()
    const { fetch, attempts } = noting((nth) => nth < 2)
    const { shelf, auth } = await rotatingSession(gateway, { fetch })
    expect(await refusal(refreshed(gateway, auth))).toMatchObject({ name: 'TokenUnavailable', status: 0 })
    expect(shelf.token).toMatchObject({ generation: 0, attempt: attempts[0] })
    gateway.clock.move(24 * 60 * MINUTE)
    await refusal(auth.getAccessToken())
    await auth.getAccessToken()
    expect(shelf.token).toMatchObject({ generation: 1 })
    expect(new Set(attempts).size).toBe(1)
    expect(attempts).toHaveLength(3)
    await refreshed(gateway, auth)
    expect(auth.token.generation).toBe(2)
  })

  test('is repeated by whoever is there after a crash, from what was kept and not from memory', async () => {
    const gateway = await rig()
    const lossy = noting(() => true)
    const { shelf, tab, auth } = await rotatingSession(gateway, { fetch: lossy.fetch })
    await refusal(refreshed(gateway, auth))
    const { fetch, attempts } = noting()
    await refreshed(gateway, tab({ fetch }))
    expect(attempts).toEqual(lossy.attempts)
    expect(shelf.token).toMatchObject({ generation: 1 })
    // The first comes back, and what it remembers is over.
    gateway.clock.move(MINUTE)
    lossy.attempts.length = 0
    expect(await auth.replaceAccessToken(auth.token.access_token)).toBe(shelf.token!.access_token)
    expect(lossy.attempts).toEqual([])
  })

  test('that crashed between keeping and sending is sent by the next', async () => {
    const gateway = await rig()
    const { shelf, tab, auth } = await rotatingSession(gateway, { fetch: () => Promise.reject(new Error('killed')) })
    await refusal(refreshed(gateway, auth))
    const begun = shelf.token!.attempt
    expect(begun).toMatch(ATTEMPT)
    const { fetch, attempts } = noting()
    await refreshed(gateway, tab({ fetch }))
    expect(attempts).toEqual([begun])
  })

  test('that crashed between the answer and keeping it is repeated by the next', async () => {
    const gateway = await rig()
    const { fetch, attempts } = noting()
    const { shelf, tab } = await rotatingSession(gateway, { fetch })
    const { tokenUpdater } = shelf.options
    const killed: SessionOptions['tokenUpdater'] = (token, before) => {
      if (token.attempt === undefined) throw new Error('killed')
      return tokenUpdater(token, before)
    }
    expect(await refusal(refreshed(gateway, tab({ tokenUpdater: killed })))).toMatchObject({ message: 'killed' })
    await refreshed(gateway, tab())
    expect(attempts).toHaveLength(2)
    expect(attempts[1]).toBe(attempts[0])
    expect(shelf.token).toMatchObject({ generation: 1 })
  })
})

describe('two tabs that begin at once', () => {
  const race = async (gateway: Rig, fetch: Fetch) => {
    const { shelf, tab } = await rotatingSession(gateway, { fetch })
    const tabs = [tab(), tab(), tab()]
    gateway.clock.move(31 * MINUTE)
    const given = await Promise.all(tabs.map((one) => one.getAccessToken()))
    for (const token of given) await (await authenticated(gateway.url, token)).socket.terminate()
    expect(shelf.token).toMatchObject({ generation: 1 })
    // All have the token of now: none shows an older one.
    for (const one of tabs) {
      gateway.clock.move(31 * MINUTE)
      await one.getAccessToken()
    }
    expect(shelf.token).toMatchObject({ generation: 4 })
  }

  test('send one attempt without Web Locks, and all come in', async () => {
    vi.stubGlobal('navigator', {})
    const { fetch, attempts } = noting()
    await race(await rig(), fetch)
    const first = attempts.slice(0, -3)
    expect(new Set(first).size).toBe(1)
    expect(first[0]).toMatch(ATTEMPT)
  })

  test('send one attempt where the store tells one of them later than the other', async () => {
    vi.stubGlobal('navigator', {})
    const gateway = await rig()
    const { fetch, attempts } = noting()
    const { shelf, tab } = await rotatingSession(gateway, { fetch })
    const slow = tab({
      tokenLoader: async () => {
        const token = await shelf.options.tokenLoader()
        await new Promise((resolve) => setTimeout(resolve, 10))
        return token
      },
    })
    gateway.clock.move(31 * MINUTE)
    await Promise.all([tab().getAccessToken(), slow.getAccessToken()])
    expect(new Set(attempts).size).toBe(1)
    expect(shelf.token).toMatchObject({ generation: 1 })
  })

  test('send one request with Web Locks, and all come in', async () => {
    vi.stubGlobal('navigator', queueLocks().navigator)
    const { fetch, attempts } = noting()
    await race(await rig(), fetch)
    expect(attempts).toHaveLength(1 + 3)
  })
})

describe('what is kept meanwhile', () => {
  /** A refresh during which `meanwhile` happens, after the server has answered and before that is here; no lock forbids it. */
  const during = async (meanwhile: (parts: Awaited<ReturnType<typeof rotatingSession>>) => void | Promise<void>) => {
    vi.stubGlobal('navigator', {})
    const gateway = await rig()
    let act: () => void | Promise<void> = () => undefined
    const parts = await rotatingSession(gateway, {
      fetch: async (input, init) => {
        const answer = await fetch(input, init)
        await act()
        return answer
      },
    })
    act = async () => {
      act = () => undefined
      await meanwhile(parts)
    }
    return { ...parts, gateway, given: refreshed(gateway, parts.auth) }
  }

  test('as new or newer by another tab stays, with the attempt that is under way there', async () => {
    const attempt = 'a'.repeat(43)
    const { shelf, gateway, auth, given } = await during(({ shelf, tab }) =>
      tab({ fetch })
        .replaceAccessToken(shelf.token!.access_token)
        .then(() => {
          shelf.token = { ...shelf.token!, attempt }
        }),
    )
    const token = await given
    expect(shelf.token).toMatchObject({ generation: 1, attempt })
    await (await authenticated(gateway.url, token)).socket.terminate()
    const { refresh_token } = auth.token
    expect(refresh_token).toBe(shelf.token!.refresh_token)
  })

  test('as another login stays, and is what this one goes on with', async () => {
    let other: Tokens | undefined
    const { shelf, auth, given } = await during(async ({ shelf, auth }) => {
      const code = await logIn(auth.host)
      const login = { fetch, host: auth.host, clientId: CLIENT_ID, code, verifier: null, redirectUri: REDIRECT_URI }
      other = (await OAuth2Session.exchange({ ...login, ...shelf.options, rotate: true })).token
    })
    expect(await given).toBe(other!.access_token)
    expect(shelf.token).toEqual(other)
    expect(auth.token).toEqual(other)
  })

  test('as a log-out stays: the session does not come back', async () => {
    const { shelf, given } = await during(({ shelf }) => {
      shelf.token = null
    })
    expect(await refusal(given)).toMatchObject({ name: 'TokenRefused', code: 'logged_out' })
    expect(shelf.token).toBeNull()
  })

  test('as an older generation is replaced', async () => {
    const { shelf, given } = await during(({ shelf }) => {
      shelf.token = {
        ...shelf.token!,
        generation: -1,
        refresh_token: shelf.token!.refresh_token.replace('.0.', '.-1.'),
      }
    })
    await given
    expect(shelf.token).toMatchObject({ generation: 1 })
  })
})

test('an attempt that has served is dropped, and the step begins again with another', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const { shelf, auth } = await rotatingSession(gateway, { fetch })
  await refreshed(gateway, auth)
  // As a store does that keeps the fields of an answer one by one.
  shelf.token = { ...shelf.token!, attempt: attempts[0]! }
  await refreshed(gateway, auth)
  expect(attempts).toHaveLength(3)
  expect(attempts[1]).toBe(attempts[0])
  expect(attempts[2]).not.toBe(attempts[0])
  expect(shelf.token).toMatchObject({ generation: 2 })
  expect(shelf.token).not.toHaveProperty('attempt')
})

test('a request that cannot be right is sent twice at most: log in', async () => {
  const gateway = await rig()
  const { fetch, attempts } = noting()
  const { tab, shelf } = await rotatingSession(gateway, { fetch })
  const auth = tab({ clientId: 'https://other.example/' })
  expect(await refusal(refreshed(gateway, auth))).toMatchObject({ name: 'TokenRefused', code: 'invalid_request' })
  expect(attempts).toHaveLength(1)
  expect(await refusal(refreshed(gateway, auth))).toMatchObject({ name: 'TokenRefused', code: 'invalid_request' })
  expect(attempts).toHaveLength(3)
  expect(attempts[2]).toBe(shelf.token!.attempt)
})

test('a token that somebody else has used first is told within the window to wait, and then to log in', async () => {
  const gateway = await rig()
  const { tab, shelf } = await rotatingSession(gateway)
  const thief = newShelf()
  thief.token = shelf.token
  const robber = tab(thief.options)
  await refreshed(gateway, robber)
  const auth = tab()
  expect(await refusal(refreshed(gateway, auth))).toMatchObject({
    name: 'TokenUnavailable',
    status: 503,
    retryAfterMs: 60_000,
  })
  gateway.clock.move(MINUTE)
  expect(await refusal(refreshed(gateway, auth))).toMatchObject({ name: 'TokenRefused', code: 'invalid_grant' })
  expect(await refusal(refreshed(gateway, robber))).toMatchObject({ code: 'invalid_grant' })
})

test('a refresh that the application makes another way is given the attempt, and kept as any other', async () => {
  const gateway = await rig()
  const { shelf, tab } = await rotatingSession(gateway)
  const seen: (string | undefined)[] = []
  class Elsewhere extends OAuth2Session {
    protected override async refreshTokens(): Promise<Token> {
      seen.push(this.token.attempt)
      return super.refreshTokens()
    }
  }
  const { host, token } = tab()
  const options = { fetch, host, clientId: CLIENT_ID, token, clock: gateway.clock, ...shelf.options }
  await refreshed(gateway, new Elsewhere(options))
  expect(seen).toEqual([expect.stringMatching(ATTEMPT)])
  expect(shelf.token).toMatchObject({ generation: 1 })
})

test('logging out ends the session, whatever generation this side remembers', async () => {
  const gateway = await rig()
  const { tab } = await rotatingSession(gateway)
  const [old, other] = [tab(), tab()]
  await refreshed(gateway, other)
  await old.revoke()
  expect(await refusal(refreshed(gateway, other))).toMatchObject({ name: 'TokenRefused', code: 'invalid_grant' })
})
