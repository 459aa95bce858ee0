/** The WebSocket and the fetch of Node itself, from version 22 on: nothing of a package is needed. */
import { afterEach, describe, expect, test } from 'vitest'
import { type ConnectionState, connect } from '../../src/client/index.ts'
import { closeRigs, postForm, rig } from '../rig.ts'
import { transports } from '../transports.ts'
import { rotatingSession } from './tools.ts'

afterEach(closeRigs)

const { WebSocket } = globalThis as { WebSocket?: unknown }
const reason = WebSocket === undefined ? ` (Node ${process.versions.node} has none)` : ''
const here = transports().filter(({ missing }) => missing === null)

describe.skipIf(WebSocket === undefined)(`the platform’s own WebSocket${reason}`, () => {
  test.each(here)(
    'connects, comes back, is renewed in place and told of its end: $transport',
    async ({ transport }) => {
      const gateway = await rig({ 'server.transport': transport, 'sessions.socket_lifetime': 'access_token' })
      const { auth } = await rotatingSession(gateway)
      const states: ConnectionState[] = []
      const connection = connect(auth, { onState: (state) => states.push(state), random: () => 0 })
      expect(await connection.command('auth/current_user', {})).toMatchObject({ is_owner: true })
      await gateway.restart()
      expect(await connection.command('ping', {})).toBeNull()
      const { renewSocket } = auth
      const renewed = new Promise((resolve, reject) => {
        auth.renewSocket = (...args) => {
          const outcome = renewSocket.apply(auth, args)
          outcome.then(resolve, reject)
          return outcome
        }
      })
      gateway.clock.move(29 * 60_000 + 1000)
      expect(await renewed).toBe(auth.token.access_token)
      expect(auth.token).toMatchObject({ generation: 1 })
      expect(await connection.command('ping', {})).toBeNull()
      await postForm(`${gateway.url}/auth/revoke`, { token: auth.token.refresh_token })
      expect(await connection.closed).toMatchObject({ next: 'login', cause: { code: 4200 } })
      expect(states.map(({ state }) => state)).toEqual([
        ...['connecting', 'open', 'waiting', 'connecting', 'open', 'closed'],
      ])
    },
  )
})
