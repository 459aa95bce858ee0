/** The set-up's steps after the owner was made. */
import { afterEach, expect, test } from 'vitest'
import { closeRigs, exchange, post, rig, session, USER } from '../rig.ts'

afterEach(closeRigs)

const BASE = '/api/onboarding'

const read = async (url: string): Promise<[number, unknown]> => {
  const response = await fetch(url)
  return [response.status, await response.json()]
}

const begin = async () => {
  const gateway = await rig()
  const { access_token } = await session(gateway.url)
  const bearer = { authorization: `Bearer ${access_token}` }
  const step = async (name: string, body: unknown = {}, headers: Record<string, string> = bearer) => {
    const response = await post(`${gateway.url}${BASE}/${name}`, body, headers)
    return [response.status, await response.json()] as const
  }
  return { gateway, step }
}

const INTEGRATION = { client_id: 'https://other.example/', redirect_uri: 'https://other.example/back' }

test('the steps are named in their order, with what is done of them', async () => {
  const { gateway, step } = await begin()
  await step('analytics')
  expect(await read(gateway.url + BASE)).toEqual([
    200,
    [
      { step: 'user', done: true },
      { step: 'core_config', done: false },
      { step: 'analytics', done: true },
      { step: 'integration', done: false },
    ],
  ])
})

test('core_config and analytics are done once, whatever the body', async () => {
  const { step } = await begin()
  expect(await step('core_config', 'anything')).toEqual([200, {}])
  expect(await step('core_config')).toEqual([403, { message: 'Core config step already done' }])
  expect(await step('analytics')).toEqual([200, {}])
  expect(await step('analytics')).toEqual([403, { message: 'Analytics config step already done' }])
})

test('the steps want a bearer token', async () => {
  const { gateway, step } = await begin()
  for (const name of ['core_config', 'analytics', 'integration']) {
    expect([name, ...(await step(name, INTEGRATION, {}))]).toEqual([name, 401, { message: 'Unauthorized.' }])
  }
  const [, steps] = await read(gateway.url + BASE)
  expect((steps as { done: boolean }[]).map(({ done }) => done)).toEqual([true, false, false, false])
})

test('integration gives a code for another client, bound to it and to its redirect address', async () => {
  const { gateway, step } = await begin()
  const [status, body] = await step('integration', INTEGRATION)
  expect(status).toBe(200)
  const { auth_code: code } = body as { auth_code: string }
  await expect(exchange(gateway.url, code, 'https://third.example/')).rejects.toThrow('Invalid code')
  expect(await exchange(gateway.url, code, INTEGRATION.client_id)).toMatchObject({ token_type: 'Bearer' })
  expect(await step('integration', INTEGRATION)).toEqual([403, { message: 'Integration step already done' }])
})

test('integration that was refused is not done', async () => {
  const { gateway, step } = await begin()
  const foreign = { ...INTEGRATION, redirect_uri: 'http://127.0.0.1:1/back' }
  expect(await step('integration', foreign)).toEqual([400, { message: 'invalid client id or redirect uri' }])
  expect(await step('integration', { client_id: 'x' })).toEqual([
    400,
    { message: "Message format incorrect: required key not provided @ data['redirect_uri']" },
  ])
  expect((await step('integration', INTEGRATION))[0]).toBe(200)
  expect(await read(`${gateway.url}${BASE}/installation_type`)).toEqual([401, { message: 'Unauthorized.' }])
})

test('of twenty integrations at once one gets a code', async () => {
  const { step } = await begin()
  const answers = await Promise.all(Array.from({ length: 20 }, () => step('integration', INTEGRATION)))
  expect(answers.filter(([status]) => status === 200)).toHaveLength(1)
  expect(answers.filter(([status]) => status === 403)).toHaveLength(19)
})

test('the installation type is told until the first step is done', async () => {
  const gateway = await rig()
  expect(await read(`${gateway.url}${BASE}/installation_type`)).toEqual([200, { installation_type: 'Unknown' }])
  expect((await read(gateway.url + BASE))[1]).toMatchObject([{ step: 'user', done: false }, {}, {}, {}])
})

test('nothing is waited for: there are no integrations here', async () => {
  const { step } = await begin()
  expect(await step('integration/wait', { domain: 'met' }, {})).toEqual([200, { integration_loaded: false }])
})

test('once every step is done, the routes are gone from the next start on, and nobody makes another owner', async () => {
  const { gateway, step } = await begin()
  await step('core_config')
  await step('analytics')
  await step('integration', INTEGRATION)
  expect((await read(gateway.url + BASE))[0]).toBe(200)
  await gateway.restart()
  expect(await read(gateway.url + BASE)).toEqual([404, { message: 'Not found.' }])
  const owner = { ...USER, client_id: INTEGRATION.client_id, language: 'en' }
  expect((await post(`${gateway.url}${BASE}/users`, owner)).status).toBe(404)
})
