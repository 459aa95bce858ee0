/** New passwords that are refused, by every way to set one. */
import { afterEach, expect, test } from 'vitest'
import { authenticated, CLIENT_ID, closeRigs, onboard, post, rig, session, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { asker, makeUser, read } from './people.ts'

afterEach(closeRigs)

const WEAK = [
  'x',
  'seven77',
  'password',
  'PassWord',
  '12345678',
  'letmein1',
  'qwertyui',
  'iloveyou',
  'latchkey',
  'HomeAssistant',
  'x'.repeat(1025),
]
const STRONG = ['eight ch', 'correct horse', 'пароль-пароль', '🔑🔑🔑🔑🔑🔑🔑🔑', 'x'.repeat(1024)]

const PROVIDER = 'config/auth_provider/homeassistant'
const weak = { success: false, error: { code: 'home_assistant_error', translation_key: 'password_too_weak' } }

describeTransports('a password that is tried first, or too short', (start) => {
  test('is refused for the owner, who can go on with another (D16)', async () => {
    const { url } = await start()
    for (const password of WEAK) {
      const body = { ...USER, password, client_id: CLIENT_ID, language: 'en' }
      expect(await read(await post(`${url}/api/onboarding/users`, body))).toEqual({
        status: 400,
        body: { message: 'The password must have at least 8 characters, and not be one that is tried first.' },
      })
    }
    await onboard(url)
  })

  test('is refused by every command that sets one, where nothing else is wrong (D16)', async () => {
    const gateway = await start()
    const { access_token } = await session(gateway.url)
    const ask = asker(await authenticated(gateway.url, access_token))
    const made = (await ask('config/auth/create', { name: 'Bob' })) as { result: { user: { id: string } } }
    const user_id = made.result.user.id
    const other = await makeUser(ask, 'carol', 'carol has one')
    for (const password of [...WEAK, 'bobs-own-name']) {
      expect(await ask(`${PROVIDER}/create`, { user_id, username: 'bobs-own-name', password })).toMatchObject(weak)
      expect(await ask(`${PROVIDER}/create`, { user_id, username: 'carol', password })).toMatchObject({
        error: { translation_key: 'username_already_exists' },
      })
      expect(await ask(`${PROVIDER}/create`, { user_id: other, username: 'dave', password })).toMatchObject({
        error: { translation_key: 'credential_already_exists' },
      })
      if (password === 'bobs-own-name') continue
      const own = { current_password: USER.password, new_password: password }
      expect(await ask(`${PROVIDER}/change_password`, own)).toMatchObject(weak)
      expect(await ask(`${PROVIDER}/change_password`, { ...own, current_password: 'wrong' })).toMatchObject({
        error: { code: 'invalid_current_password' },
      })
      expect(await ask(`${PROVIDER}/admin_change_password`, { user_id: other, password })).toMatchObject(weak)
      expect(await ask(`${PROVIDER}/admin_change_password`, { user_id, password })).toMatchObject({
        error: { code: 'credentials_not_found' },
      })
    }
    for (const password of STRONG) {
      expect(await ask(`${PROVIDER}/admin_change_password`, { user_id: other, password })).toMatchObject({
        success: true,
      })
    }
  })
})

test('one that was set before is taken at the login as it is', async () => {
  const { url } = await rig()
  await session(url)
  // Nothing is said of its weakness: it is right or wrong.
  const body = { client_id: CLIENT_ID, handler: ['homeassistant', null], redirect_uri: CLIENT_ID }
  const { flow_id } = (await (await post(`${url}/auth/login_flow`, body)).json()) as { flow_id: string }
  const step = { client_id: CLIENT_ID, username: USER.username, password: 'x' }
  expect(await read(await post(`${url}/auth/login_flow/${flow_id}`, step))).toMatchObject({
    status: 200,
    body: { errors: { base: 'invalid_auth' } },
  })
})
