/** Home Assistant core at an address: fresh, or with the owner that this suite made. Only real time passes there. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Adapter, cannot, type MakeAdapter, type Promises, type System } from '../adapter.ts'
import { Wire } from './wire.ts'

/** A case of this suite waits no longer. */
const LONGEST_MS = 60_000

/** One code for everything. */
const promises: Promises = {
  closes: {
    expired: 1000,
    revoked: 1000,
    deactivated: 1000,
    removed: 1000,
    refused: 1000,
    silent: 1000,
    reused: 1000,
  },
  closesWithinMs: 2000,
  leewayMs: 10_000,
  silentMs: 10_000,
  reuseWindowMs: 0,
  // Where it judges pushes it does so one by one.
  loweredSubscription: 'pauses',
}

const noClock = cannot('its clock cannot be moved')

const systemOf = (wire: Wire): System => ({
  ...wire.common,
  promises,
  time: { tokenLifeMs: 1_800_000, toleranceMs: 1000, longestMs: LONGEST_MS, pass: (ms) => sleep(ms), set: noClock },
  logIn: (person, how) => (how?.refreshes === true ? wire.logIn(person) : wire.longLived(person)),
  logInRotating: cannot('refresh tokens do not rotate'),
  refresh: (_, secret) => wire.refresh(secret),
  expiredToken: async (person) => (await wire.longLived(person, -1)).token,
  tokenFromAhead: cannot('its clock cannot be moved, and its tokens are signed with keys that it tells nobody'),
  revoke: (session) =>
    session.secret === null ? wire.endOwn(session, 'auth/delete_refresh_token') : wire.revokeSecret(session.secret),
  detach: async () => undefined,
})

const homeAssistant: MakeAdapter = async ({ url }): Promise<Adapter> => {
  const wire = await Wire.attach(url, { renew: cannot('a socket has the token that it came with, for good') })
  const system = systemOf(wire)
  return {
    name: `Home Assistant core ${wire.hello.ha_version}`,
    attach: async (lifetime) =>
      lifetime === 'session'
        ? system
        : cannot('a socket lives as long as its session; the end of its token closes nothing'),
    end: () => wire.end(),
  }
}

export default homeAssistant
