/** A rotating refresh token that somebody else has used: who keeps an older one finds out by an open socket. */
import { afterEach, expect, test } from 'vitest'
import { type OAuth2Session, TokenUnavailable } from '../../src/client/index.ts'
import { closeRigs, type Rig } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { closeConnections, newShelf, rotatingSession, STEADY, timerOf, type Watched, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeRigs()
})

const MINUTE = 60_000

describeTransports('a refresh token that somebody else has used', (start) => {
  const begin = async () => {
    const gateway = await start()
    const { shelf, tab } = await rotatingSession(gateway)
    const auth = tab()
    const { checkGeneration } = auth
    let looked: () => void = () => undefined
    auth.checkGeneration = async (generation) => {
      await checkGeneration.call(auth, generation)
      looked()
    }
    const look = () =>
      new Promise<void>((resolve) => {
        looked = resolve
      })
    const watched = watch(auth)
    await watched.until('open')
    await watched.connection.command('ping', {})
    const thief = newShelf()
    thief.token = shelf.token
    return { gateway, shelf, tab, watched, look, robber: tab(thief.options) }
  }

  /** The other's step is told of before the answer to this. */
  const heard = ({ connection }: Watched) => connection.command('ping', {})
  const steal = async (gateway: Rig, robber: OAuth2Session) => {
    gateway.clock.move(MINUTE)
    return robber.replaceAccessToken(robber.token.access_token)
  }

  test('under the owner’s live socket is found out within seconds: the connection ends, log in (B27)', async () => {
    const { gateway, watched, robber } = await begin()
    const stolen = await steal(gateway, robber)
    await heard(watched)
    gateway.clock.move(12_000)
    watched.clock.move(12_000)
    expect(await watched.connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
    const bearer = { headers: { authorization: `Bearer ${stolen}` } }
    expect((await fetch(`${gateway.url}/api/`, bearer)).status).toBe(401)
    expect(watched.states.map(({ state }) => state)).toEqual(['connecting', 'open', 'closed'])
    // By the clocks that were moved, and not by the test's own.
  }, 10_000)

  test('while the owner was away is found out once there is a socket again (B27)', async () => {
    const { gateway, tab, watched, robber } = await begin()
    watched.connection.close()
    await steal(gateway, robber)
    const { connection, clock } = watch(tab())
    await timerOf(clock, 12_000)
    gateway.clock.move(12_000)
    clock.move(12_000)
    expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
  }, 10_000)

  test('is found out over a network that loses the first answers', async () => {
    const { gateway, shelf, tab, robber } = await begin()
    let losses = 2
    const auth = tab({
      fetch: async (...args) => {
        if (losses-- > 0) throw new TypeError('lost')
        return fetch(...args)
      },
    })
    const watched = watch(auth)
    await watched.until('open')
    await heard(watched)
    await steal(gateway, robber)
    await heard(watched)
    gateway.clock.move(12_000)
    watched.clock.move(12_000)
    expect(await watched.connection.closed).toMatchObject({ next: 'login', cause: { code: 4203 } })
    expect(losses).toBe(-1)
    expect(shelf.token).toHaveProperty('attempt')
  }, 10_000)

  test('is nobody’s fault where the store has it by then, or a refresh is under way', async () => {
    const { gateway, watched, look, tab, shelf } = await begin()
    const later = async (): Promise<void> => {
      await heard(watched)
      const done = look()
      gateway.clock.move(12_000)
      watched.clock.move(12_000)
      await done
    }
    await tab().replaceAccessToken(shelf.token!.access_token)
    await later()
    expect(shelf.token).toMatchObject({ generation: 1 })
    expect(shelf.token).not.toHaveProperty('attempt')
    const attempt = 'a'.repeat(43)
    shelf.token = { ...shelf.token!, attempt }
    // An honest step, whose answer is lost.
    const lossy = tab({ fetch: (...args) => fetch(...args).then(() => Promise.reject(new TypeError('lost'))) })
    await expect(lossy.replaceAccessToken(shelf.token.access_token)).rejects.toThrow(TokenUnavailable)
    await later()
    expect(shelf.token).toMatchObject({ generation: 1, attempt })
    expect(watched.states).toEqual(STEADY)
  })
})
