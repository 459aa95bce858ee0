/** Latchkey: at an address, where only real time passes, or one gateway for each case, whose clock is moved. */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { MovableClock, Rig, RigSettings } from '../../rig.ts'
import {
  type Adapter,
  cannot,
  type Lifetime,
  type MakeAdapter,
  type Promises,
  type System,
  type Time,
} from '../adapter.ts'
import { Wire } from './wire.ts'

/** A case of this suite waits no longer where only real time passes. */
const LONGEST_MS = 60_000

const promises: Promises = {
  closes: {
    expired: 4100,
    revoked: 4200,
    deactivated: 4201,
    removed: 4201,
    refused: 4202,
    silent: 4101,
    reused: 4203,
  },
  closesWithinMs: 2000,
  leewayMs: 10_000,
  silentMs: 10_000,
  reuseWindowMs: 10_000,
  loweredSubscription: 'ends',
}

const extras = { renew: 'auth/renew' }

const lifeOf = (token: string): number => {
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iat: number; exp: number }
  return (claims.exp - claims.iat) * 1000
}

/** `clock`: null where only real time passes. */
const systemOf = (wire: Wire, time: Time, clock: MovableClock | null, detach: () => Promise<void>): System => {
  let revocations = 0
  const noClock = cannot('its clock cannot be moved from outside')
  return {
    ...wire.common,
    promises,
    time,
    logIn: (person) => wire.logIn(person),
    logInRotating: (person) => wire.logIn(person, true),
    // An attempt is remembered for tokens that rotate, and is nothing to the others.
    refresh: (_, secret) => wire.refresh(secret, randomBytes(16).toString('base64url')),
    expiredToken: async (person) => {
      const { token } = await wire.logIn(person)
      await time.pass(time.tokenLifeMs + promises.leewayMs + time.toleranceMs)
      return token
    },
    tokenFromAhead:
      clock === null
        ? noClock
        : async ({ secret }, ms) => {
            clock.jump(ms)
            const refreshed = await wire.refresh(secret!)
            clock.jump(-ms)
            if (typeof refreshed === 'string') throw new Error(`a refresh: ${refreshed}`)
            return refreshed.token
          },
    // The three ways in turn: an administrator’s, the client’s, and one’s own.
    revoke: async (session) => {
      const way = revocations++ % 3
      if (way === 0) await wire.own('config/auth/revoke', { refresh_token_id: session.id })
      else if (way === 1 && session.secret !== null) await wire.revokeSecret(session.secret)
      else await wire.endOwn(session, 'auth/revoke_session')
    },
    detach,
  }
}

const settingsFor: Readonly<Record<Lifetime, RigSettings>> = {
  token: { 'sessions.socket_lifetime': 'access_token' },
  session: { 'sessions.socket_lifetime': 'grant' },
}

/** Gateways of its own, begun with `start`: one for many cases, and another one after a case that moved the clock. */
export const latchkeyFor = (name: string, start: (settings: RigSettings) => Promise<Rig>): Adapter => {
  const open = new Map<Lifetime, System>()
  const ends: (() => Promise<void>)[] = []

  const begin = async (lifetime: Lifetime): Promise<System> => {
    const rig = await start({ ...settingsFor[lifetime], 'limits.unauthenticated_sockets.per_address': '1000' })
    const wire = await Wire.attach(rig.url, extras)
    const end = async (): Promise<void> => {
      await wire.end()
      await rig.stop()
    }
    const { clock } = rig
    let isMoved = false
    const time: Time = {
      tokenLifeMs: 1_800_000,
      toleranceMs: 1000,
      longestMs: Number.POSITIVE_INFINITY,
      pass: async (ms) => {
        isMoved = true
        clock.move(ms)
        await nextTurn()
      },
      set: (ms) => {
        isMoved = true
        clock.jump(ms)
      },
    }
    ends.push(end)
    return systemOf(wire, time, clock, async () => {
      if (!isMoved) return
      open.delete(lifetime)
      ends.splice(ends.indexOf(end), 1)
      await end()
    })
  }

  return {
    name,
    attach: async (lifetime) => {
      const system = open.get(lifetime) ?? (await begin(lifetime))
      open.set(lifetime, system)
      return system
    },
    end: async () => {
      for (const end of ends.splice(0)) await end()
    },
  }
}

/** Latchkey at an address. Let its tokens live for some seconds, or what waits for their end cannot be asked. */
const latchkey: MakeAdapter = async ({ url, lifetime }): Promise<Adapter> => {
  const wire = await Wire.attach(url, extras)
  const { token } = await wire.logIn(await wire.person())
  const time: Time = {
    tokenLifeMs: lifeOf(token),
    toleranceMs: 500,
    longestMs: LONGEST_MS,
    pass: (ms) => sleep(ms),
    set: cannot('its clock cannot be set from outside'),
  }
  const system = systemOf(wire, time, null, async () => undefined)
  const other = lifetime === 'session' ? 'their tokens' : 'their sessions'
  return {
    name: `Latchkey at ${url}`,
    attach: async (wanted) =>
      wanted === lifetime
        ? system
        : cannot(`this one is configured otherwise: its sockets do not live as long as ${other}`),
    end: () => wire.end(),
  }
}

export default latchkey
