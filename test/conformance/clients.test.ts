/** Cases 25 to 41: client ids, and the redirect addresses that need no look at the client's page. */
import { expect, test } from 'vitest'
import { describeServers, OWNER } from './server.ts'

describeServers('clients and redirect addresses', (server) => {
  const begin = (client_id: string) =>
    server().ask('POST', '/auth/login_flow', {
      json: { client_id, handler: ['homeassistant', null], redirect_uri: 'https://example.com/' },
    })

  test.each([
    '25: http://ex.com/',
    '25: https://ex.com/',
    '27: http://ex.com',
    '28: http://ex.com/hello/.world',
    '28: http://ex.com/hello./.world',
    '30: http://ex.com/?query=1',
    '32: http://[::1]/',
    '32: http://127.0.0.1',
    '32: http://10.0.0.0',
    '32: http://10.255.255.255',
    '32: http://172.16.0.0',
    '32: http://172.31.255.255',
    '32: http://192.168.0.0',
    '32: http://192.168.255.255',
  ])('%s is a client id', async (named) => {
    expect((await begin(named.slice(4))).json).toMatchObject({ type: 'form' })
  })

  test.each([
    '26: ftp://ex.com/',
    '26: ex.com',
    '29: http://ex.com/.',
    '29: http://ex.com/hello/./yo',
    '29: http://ex.com/hello/../yo',
    '30: http://ex.com/#fragment',
    '31: http://user@ex.com/',
    '31: http://user:pass@ex.com/',
    '33: http://255.255.255.255/',
    '33: http://11.0.0.0/',
    '33: http://172.32.0.0/',
    '33: http://192.167.0.0/',
  ])('%s is none', async (named) => {
    const { status, json } = await begin(named.slice(4))
    expect({ status, json }).toEqual({ status: 400, json: { message: 'Invalid client id' } })
  })

  /** The last step's answer for a client and a redirect address. */
  const finish = async (client_id: string, redirectUri: string) => {
    const flow = await server().flow(client_id, redirectUri)
    return server().step(flow, { ...OWNER, client_id })
  }

  const IOS = 'https://home-assistant.io/iOS'
  const ANDROID = 'https://home-assistant.io/android'
  const APP = 'homeassistant://auth-callback'
  const WEAR = 'https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android'
  const WEAR_CN = 'https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android'

  test.each([
    ['35', 'http://127.0.0.9:1', 'http://127.0.0.9:1/callback'],
    ['39', IOS, APP],
    ['39', ANDROID, APP],
    ['41', ANDROID, WEAR],
    ['41', ANDROID, WEAR_CN],
  ])('%s: %s may be sent to %s', async (_, client, redirect) => {
    const { status, json } = await finish(client, redirect)
    expect({ status, json }).toMatchObject({ status: 200, json: { type: 'create_entry' } })
  })

  test.each([
    ['36', 'http://127.0.0.9:1', 'http://127.0.0.9:2/callback'],
    ['36', 'http://127.0.0.9:1', 'https://127.0.0.9:1/callback'],
    ['36', 'http://localhost:1', 'http://sub.localhost:1/callback'],
    ['40', 'http://127.0.0.9:1', APP],
  ])('%s: %s may not be sent to %s', async (_, client, redirect) => {
    const { status, json } = await finish(client, redirect)
    expect({ status, json }).toEqual({ status: 403, json: { message: 'Invalid redirect URI' } })
  })

  test.each(['javascript:alert(1)', 'data:text/html,x', 'not a url'])(
    '42: %s is no address to send anybody to (C3)',
    async (redirect) => {
      const json = { client_id: 'http://127.0.0.9:1', handler: ['homeassistant', null], redirect_uri: redirect }
      const { status } = await server().ask('POST', '/auth/login_flow', { json })
      expect(status).toBe(server().differs('dangerous redirects', 200, 400))
    },
  )
})
