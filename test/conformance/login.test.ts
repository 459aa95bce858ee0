/** Cases 7 to 24: providers and the login flow. */
import { expect, test } from 'vitest'
import { CLIENT, describeServers, OWNER, REDIRECT } from './server.ts'

describeServers('providers and login flow', (server) => {
  const handler = ['homeassistant', null]

  test('2: the providers, in the order of the configuration', async () => {
    const { status, json, headers } = await server().ask('GET', '/auth/providers')
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        providers: [{ name: 'Home Assistant Local', id: null, type: 'homeassistant' }],
        preselect_remember_me: true,
      },
    })
    expect(headers['content-type']).toBe('application/json')
  })

  test('1: the metadata of the authorization server', async () => {
    const { status, json } = await server().ask('GET', '/.well-known/oauth-authorization-server')
    const base = server().differs('metadata', '', server().url)
    expect(status).toBe(200)
    expect(json).toMatchObject({
      authorization_endpoint: `${base}/auth/authorize`,
      token_endpoint: `${base}/auth/token`,
      revocation_endpoint: `${base}/auth/revoke`,
      response_types_supported: ['code'],
    })
  })

  test('7: flows cannot be listed', async () => {
    expect((await server().ask('GET', '/auth/login_flow')).status).toBe(405)
  })

  test('8: a flow begins with a form for user name and password', async () => {
    const { status, text } = await server().ask('POST', '/auth/login_flow', {
      json: { client_id: CLIENT, handler, redirect_uri: REDIRECT },
    })
    expect(status).toBe(200)
    expect(text).toMatch(
      /^\{"type":"form","flow_id":"[0-9a-f]{32}","handler":\["homeassistant",null\],"data_schema":\[\{"type":"string","name":"username","required":true\},\{"type":"string","name":"password","required":true\}\],"errors":\{\},"description_placeholders":null,"last_step":null,"preview":null,"step_id":"init"\}$/,
    )
  })

  test.each([
    ['a wrong user name', { ...OWNER, username: 'wrong' }],
    ['a wrong password', { ...OWNER, password: 'wrong' }],
    ['nothing in the fields', { username: '', password: '' }],
  ])('9: %s gives the form again, with invalid_auth', async (_, input) => {
    const flow = await server().flow()
    const { status, json } = await server().step(flow, input)
    expect({ status, json }).toMatchObject({
      status: 200,
      json: { type: 'form', flow_id: flow, step_id: 'init', errors: { base: 'invalid_auth' } },
    })
    expect((await server().step(flow, OWNER)).json).toMatchObject({ type: 'create_entry' })
  })

  test('11, 12: a foreign redirect address is judged after the right password, and ends the flow', async () => {
    const flow = await server().flow(CLIENT, 'https://invalid.example/callback')
    const { status, json } = await server().step(flow, OWNER)
    expect({ status, json }).toEqual({ status: 403, json: { message: 'Invalid redirect URI' } })
    expect((await server().step(flow, OWNER)).status).toBe(404)
  })

  test('13: the right password gives a code', async () => {
    const flow = await server().flow()
    const { status, text } = await server().step(flow, OWNER)
    expect(status).toBe(200)
    expect(text.replace(/"result":"[0-9a-f]+"/, '"result":"…"')).toBe(
      `{"type":"create_entry","flow_id":"${flow}","handler":["homeassistant",null],"description":null,"description_placeholders":null,"result":"…"}`,
    )
  })

  test('15: a flow belongs to the address that began it, and survives another', async () => {
    const flow = await server().flow()
    const input = { ...OWNER, redirect_uri: 'x' }
    const { status, json } = await server().step(flow, input, { from: '127.0.0.2' })
    expect({ status, json }).toEqual({ status: 400, json: { message: 'IP address changed' } })
    expect((await server().step(flow, OWNER)).json).toMatchObject({ type: 'create_entry' })
  })

  test.each(['text/plain', 'text/plain;charset=UTF-8', 'application/x-www-form-urlencoded', ''])(
    '16: JSON is read whatever the content type says: %o',
    async (type) => {
      const text = JSON.stringify({ client_id: CLIENT, handler, redirect_uri: REDIRECT })
      const headers = type === '' ? {} : { 'content-type': type }
      const { json } = await server().ask('POST', '/auth/login_flow', { text, headers })
      expect(json).toMatchObject({ type: 'form' })
    },
  )

  test.each([
    [{ client_id: CLIENT, redirect_uri: REDIRECT }, "required key not provided @ data['handler']"],
    [{ client_id: CLIENT, redirect_uri: REDIRECT, handler, x: 1 }, "extra keys not allowed @ data['x']"],
    [{ client_id: CLIENT, redirect_uri: 5, handler }, "expected str for dictionary value @ data['redirect_uri']"],
    [[], 'expected a dictionary'],
  ])('17: a body of another shape is refused: %o', async (body, message) => {
    const { status, json } = await server().ask('POST', '/auth/login_flow', { json: body })
    const said =
      Array.isArray(body) || !('x' in body)
        ? message
        : server().differs('unknown keys', message, 'extra keys not allowed')
    expect({ status, json }).toEqual({ status: 400, json: { message: `Message format incorrect: ${said}` } })
  })

  test.each(['', '{', '{"a":1,}', '\ufeff{}', 'NaN', '"\\ud800"'])(
    '17: what is no JSON is refused: %o',
    async (text) => {
      const { status, json } = await server().ask('POST', '/auth/login_flow', { text })
      expect({ status, json }).toEqual({ status: 400, json: { message: 'Invalid JSON.' } })
    },
  )

  test.each(['no url', 'ftp://example.com/', 'https://user@example.com/', 'https://8.8.8.8/'])(
    '18: %s is no client id',
    async (client_id) => {
      const json = { client_id, handler, redirect_uri: REDIRECT }
      const answer = await server().ask('POST', '/auth/login_flow', { json })
      expect({ status: answer.status, json: answer.json }).toEqual({
        status: 400,
        json: { message: 'Invalid client id' },
      })
    },
  )

  test('18: an unknown provider', async () => {
    const json = { client_id: CLIENT, handler: ['unknown', null], redirect_uri: REDIRECT }
    const { status } = await server().ask('POST', '/auth/login_flow', { json })
    expect(status).toBe(server().differs('unknown provider', 500, 404))
  })

  test('19: an unknown flow', async () => {
    const { status, json } = await server().step('0'.repeat(32), OWNER)
    expect({ status, json }).toEqual({ status: 404, json: { message: 'Invalid flow specified' } })
  })

  test.each([{}, { username: 'a' }, { ...OWNER, more: 'x' }, { username: 1, password: 'x' }])(
    '20: input that is not what the form asked for is malformed, and the flow survives: %o',
    async (input) => {
      const flow = await server().flow()
      const { status, json } = await server().step(flow, input)
      expect({ status, json }).toEqual({ status: 400, json: { message: 'User input malformed' } })
      expect((await server().step(flow, OWNER)).json).toMatchObject({ type: 'create_entry' })
    },
  )

  test('21: a flow can be taken back', async () => {
    const flow = await server().flow()
    const first = await server().ask('DELETE', `/auth/login_flow/${flow}`)
    expect({ status: first.status, json: first.json }).toEqual({ status: 200, json: { message: 'Flow aborted' } })
    expect((await server().step(flow, OWNER)).status).toBe(404)
    const second = await server().ask('DELETE', `/auth/login_flow/${flow}`)
    expect({ status: second.status, json: second.json }).toEqual({
      status: 404,
      json: { message: 'Invalid flow specified' },
    })
  })

  test('22: a flow cannot be looked at', async () => {
    const { status } = await server().ask('GET', `/auth/login_flow/${await server().flow()}`)
    expect(status).toBe(server().differs('looking at a flow', 500, 404))
  })

  test('24: a flow that another client finishes', async () => {
    const flow = await server().flow()
    const other = 'https://example.com/other'
    const { status, json } = await server().step(flow, { ...OWNER, client_id: other })
    if (server().differs('another client finishes', true, false)) {
      const code = (json as { result: string }).result
      expect((await server().exchange(code)).status).toBe(400)
      expect((await server().token({ grant_type: 'authorization_code', client_id: other, code })).status).toBe(200)
    } else {
      expect({ status, json }).toEqual({ status: 400, json: { message: 'Invalid client id' } })
    }
  })
})
