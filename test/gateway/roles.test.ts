/** What each command answers to whom: as a real Home Assistant did, row by row. */
import { afterEach, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  post,
  type RawSocket,
  REDIRECT_URI,
  rig,
  session,
} from '../rig.ts'

afterEach(closeRigs)

interface Answer {
  readonly success: boolean
  readonly result: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** A socket whose commands are numbered by themselves. */
class Asker {
  readonly #raw: RawSocket
  #id = 0

  constructor(raw: RawSocket) {
    this.#raw = raw
  }

  async ask(type: string, fields: object = {}): Promise<Answer> {
    this.#raw.send({ id: ++this.#id, type, ...fields })
    return (await this.#raw.next()) as Answer
  }
}

const begin = async () => {
  const { url } = await rig()
  const owner = new Asker(await authenticated(url, (await session(url)).access_token))
  const as = async (name: string, groups: readonly string[]): Promise<Asker> => {
    const { result } = await owner.ask('config/auth/create', { name, group_ids: groups })
    const { user } = result as { user: { id: string } }
    const made = { user_id: user.id, username: name, password: `${name} pass` }
    await owner.ask('config/auth_provider/homeassistant/create', made)
    const start = { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, handler: ['homeassistant', null] }
    const flow = (await (await post(`${url}/auth/login_flow`, start)).json()) as { flow_id: string }
    const input = { client_id: CLIENT_ID, username: name, password: `${name} pass` }
    const step = await post(`${url}/auth/login_flow/${flow.flow_id}`, input)
    const { result: code } = (await step.json()) as { result: string }
    return new Asker(await authenticated(url, (await exchange(url, code)).access_token))
  }
  return {
    owner,
    adm: await as('adm', ['system-admin']),
    usr: await as('usr', ['system-users']),
    plain: await as('plain', []),
  }
}

const OK = 'ok'
const NO = 'unauthorized Unauthorized'
const TOKEN = 'invalid_token_id Received invalid token'
const USER = 'not_found User not found'
const KEYED = 'home_assistant_error User not found'
const PROVIDER = 'config/auth_provider/homeassistant'

/** Command, fields, and what the owner, an administrator, and everybody else hear. */
const rows: readonly [type: string, fields: object, owner: string, adm: string, others: string][] = [
  ['ping', {}, OK, OK, OK],
  ['auth/current_user', {}, OK, OK, OK],
  ['auth/refresh_tokens', {}, OK, OK, OK],
  ['auth/delete_refresh_token', { refresh_token_id: 'nope' }, TOKEN, TOKEN, TOKEN],
  ['auth/refresh_token_set_expiry', { refresh_token_id: 'nope', enable_expiry: true }, TOKEN, TOKEN, TOKEN],
  ['auth/delete_all_refresh_tokens', { token_type: 'foo' }, OK, OK, OK],
  ['auth/sign_path', { path: '/api/x' }, OK, OK, OK],
  ['auth/long_lived_access_token', { client_name: 'GPS Logger', lifespan: 365 }, OK, OK, OK],
  // The name is taken.
  [
    'auth/long_lived_access_token',
    { client_name: 'GPS Logger', lifespan: 365 },
    'unknown_error Unknown error',
    'unknown_error Unknown error',
    'unknown_error Unknown error',
  ],
  ['config/auth/list', {}, OK, OK, NO],
  ['config/auth/create', { name: 'RR' }, OK, OK, NO],
  ['config/auth/update', { user_id: 'nope' }, USER, USER, NO],
  ['config/auth/delete', { user_id: 'nope' }, USER, USER, NO],
  [`${PROVIDER}/create`, { user_id: 'nope', username: 'a', password: 'b' }, USER, USER, NO],
  // The user is looked for before the name is judged.
  [`${PROVIDER}/create`, { user_id: 'nope', username: 'A', password: 'b' }, USER, USER, NO],
  [`${PROVIDER}/delete`, { username: 'nobody' }, KEYED, KEYED, NO],
  [`${PROVIDER}/admin_change_password`, { user_id: 'nope', password: 'x' }, 'user_not_found User not found', NO, NO],
  [`${PROVIDER}/admin_change_username`, { user_id: 'nope', username: 'x' }, 'user_not_found User not found', NO, NO],
  ['subscribe_events', {}, OK, OK, NO],
  ['subscribe_events', { event_type: 'user_added' }, OK, OK, NO],
  ['subscribe_events', { event_type: 'state_changed' }, OK, OK, OK],
  ['subscribe_events', { event_type: '*' }, OK, OK, NO],
  ['subscribe_events', { event_type: '' }, OK, OK, NO],
  [
    'nope',
    {},
    'unknown_command Unknown command.',
    'unknown_command Unknown command.',
    'unknown_command Unknown command.',
  ],
]

const WRONG_NAME = "invalid_format expected str for dictionary value @ data['name']"

test('each command answers each role as Home Assistant does (F6, B15)', async () => {
  const { owner, adm, usr, plain } = await begin()
  // Fields that do not fit are told to everybody: they are looked at before the role.
  const all = [...rows, ['config/auth/create', { name: 5 }, WRONG_NAME, WRONG_NAME, WRONG_NAME] as const]
  for (const [type, fields, ...wanted] of all) {
    const heard = async (asker: Asker): Promise<string> => {
      const { success, error } = await asker.ask(type, fields)
      return error === undefined ? (success === false ? 'no error' : OK) : `${error.code} ${error.message}`
    }
    const [forOwner, forAdmin, forOthers] = wanted
    expect([type, await heard(owner), await heard(adm), await heard(usr), await heard(plain)]).toEqual([
      type,
      forOwner,
      forAdmin,
      forOthers,
      forOthers,
    ])
  }
})

test('user names are told apart by their normal form, and new ones must have it (D26)', async () => {
  const { owner } = await begin()
  const { result } = await owner.ask('config/auth/create', { name: 'X' })
  const { user } = result as { user: { id: string } }
  const create = (username: string) =>
    owner.ask(`${PROVIDER}/create`, { user_id: user.id, username, password: 'a long password' })
  for (const username of [' Adm ', 'TEST-USER', 'test-user ', 'straße', 'a b', '', 'σίσυφος', '\u00a0x']) {
    expect((await create(username)).error).toEqual({
      code: 'home_assistant_error',
      message: `Username "${username}" is not normalized. Please make sure the username is lowercase and does not contain any whitespace`,
      translation_key: 'username_not_normalized',
      translation_placeholders: { new_username: username },
      translation_domain: 'auth',
    })
  }
  expect((await create('adm')).error).toEqual({
    code: 'home_assistant_error',
    message: 'Username "adm" already exists',
    translation_key: 'username_already_exists',
    translation_placeholders: { username: 'adm' },
    translation_domain: 'auth',
  })
  expect((await create('strasse')).success).toBe(true)
  const rename = (username: string) => owner.ask(`${PROVIDER}/admin_change_username`, { user_id: user.id, username })
  expect((await rename('strasse')).error?.message).toBe('Username "strasse" already exists')
  // What is to be deleted is normalised first.
  expect((await owner.ask(`${PROVIDER}/delete`, { username: ' STRASSE\u2003' })).success).toBe(true)
  const noCredential = { code: 'credentials_not_found', message: 'Credentials not found' }
  expect((await rename('A b')).error).toEqual(noCredential)
  const change = { user_id: user.id, password: 'x' }
  expect((await owner.ask(`${PROVIDER}/admin_change_password`, change)).error).toEqual(noCredential)
})

test('nobody becomes the owner: to the owner only the owner gives a user name, or takes it away (F1, F3)', async () => {
  const { owner, adm } = await begin()
  const { id } = (await owner.ask('auth/current_user')).result as { id: string }
  const no = { code: 'unauthorized', message: 'Unauthorized' }
  const username = 'test-user'
  const given = { user_id: id, username: 'mallory', password: 'a long password' }
  for (const name of [username, ` ${username.toUpperCase()} `]) {
    expect((await adm.ask(`${PROVIDER}/delete`, { username: name })).error).toEqual(no)
  }
  expect((await adm.ask(`${PROVIDER}/create`, given)).error).toEqual(no)
})

test('a user cannot delete themselves, nobody deletes or deactivates the owner, and a group must exist (F3)', async () => {
  const { owner, adm } = await begin()
  const { id } = (await owner.ask('auth/current_user')).result as { id: string }
  const self = { code: 'no_delete_self', message: 'Unable to delete your own account' }
  expect((await owner.ask('config/auth/delete', { user_id: id })).error).toEqual(self)
  const protect = { code: 'cannot_delete_owner', message: 'Unable to delete the owner.' }
  expect((await adm.ask('config/auth/delete', { user_id: id })).error).toEqual(protect)
  const keep = { code: 'cannot_deactivate_owner', message: 'Unable to deactivate owner.' }
  expect((await adm.ask('config/auth/update', { user_id: id, is_active: false, name: 'Y' })).error).toEqual(keep)
  const group = { code: 'unknown_error', message: 'Unknown error' }
  expect((await adm.ask('config/auth/update', { user_id: id, group_ids: ['nope'], name: 'Y' })).error).toEqual(group)
  expect((await adm.ask('config/auth/create', { name: 'Y', group_ids: [''] })).error).toEqual(group)
  expect(((await owner.ask('auth/current_user')).result as { name: string }).name).toBe('Test User')
})
