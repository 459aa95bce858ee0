/** Answers that hold a secret, or say who somebody is, are kept by no cache. */
import { afterEach, expect, test } from 'vitest'
import { CLIENT_ID, closeRigs, post, postForm, REDIRECT_URI, rig, USER } from '../rig.ts'

afterEach(closeRigs)

test('codes, tokens and who somebody is come with no-store (C16)', async () => {
  const { url } = await rig()
  const owner = await post(`${url}/api/onboarding/users`, { ...USER, client_id: CLIENT_ID, language: 'en' })
  const { auth_code: code } = (await owner.clone().json()) as { auth_code: string }
  const form = { grant_type: 'authorization_code', client_id: CLIENT_ID, code }
  const token = await postForm(`${url}/auth/token`, form)
  const { access_token } = (await token.clone().json()) as { access_token: string }
  const bearer = { authorization: `Bearer ${access_token}` }
  const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
  const { flow_id } = (await (await post(`${url}/auth/login_flow`, start)).json()) as { flow_id: string }
  const input = { client_id: CLIENT_ID, username: USER.username, password: USER.password }
  const answers = {
    owner,
    token,
    login: await post(`${url}/auth/login_flow/${flow_id}`, input),
    verify: await fetch(`${url}/auth/verify`, { headers: bearer }),
    integration: await post(
      `${url}/api/onboarding/integration`,
      { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI },
      bearer,
    ),
  }
  for (const [name, response] of Object.entries(answers)) {
    expect([name, response.status, response.headers.get('cache-control')]).toEqual([name, 200, 'no-store'])
  }
})
