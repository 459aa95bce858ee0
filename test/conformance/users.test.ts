/** Cases 155 to 174: the commands about other people's accounts. */
import { expect, test } from 'vitest'
import { CLIENT, type Commands, describeServers, OWNER, REDIRECT } from './server.ts'

interface User {
  readonly id: string
  readonly username: string | null
  readonly name: string
  readonly is_owner: boolean
  readonly is_active: boolean
  readonly group_ids: readonly string[]
  readonly credentials: readonly unknown[]
}

const PROVIDER = 'config/auth_provider/homeassistant'

describeServers('user administration', (server) => {
  const list = async (socket: Commands): Promise<User[]> => (await socket.command('config/auth/list')).result as User[]
  const find = async (socket: Commands, id: string): Promise<User | undefined> =>
    (await list(socket)).find((user) => user.id === id)
  const create = async (socket: Commands, fields: object = {}): Promise<User> => {
    const { result } = await socket.command('config/auth/create', { name: 'Somebody', ...fields })
    return (result as { user: User }).user
  }
  const newName = (): string => `name-${Math.random().toString(36).slice(2)}`
  const logsIn = async (username: string, password: string): Promise<boolean> => {
    const { json } = await server().step(await server().flow(), { username, password })
    return (json as { type: string }).type === 'create_entry'
  }
  const translated = (key: string, placeholders: unknown, message: string) => ({
    code: 'home_assistant_error',
    message,
    translation_key: key,
    translation_placeholders: placeholders,
    translation_domain: 'auth',
  })

  test('155: all users, with all that is to be known of them', async () => {
    const { owner, user, login } = await server().user()
    const listed = (await find(owner, user))!
    expect(listed).toEqual({
      id: user,
      username: login.username,
      name: login.username,
      is_owner: false,
      is_active: true,
      local_only: false,
      system_generated: false,
      group_ids: ['system-users'],
      credentials: [{ type: 'homeassistant' }],
    })
    expect(Object.keys(listed)).toEqual([
      'id',
      'username',
      'name',
      'is_owner',
      'is_active',
      'local_only',
      'system_generated',
      'group_ids',
      'credentials',
    ])
    expect((await list(owner)).filter(({ is_owner }) => is_owner)).toHaveLength(1)
  })

  test.each([
    ['config/auth/list', {}],
    ['config/auth/create', { name: 'x' }],
    ['config/auth/update', { user_id: 'x' }],
    ['config/auth/delete', { user_id: 'x' }],
    [`${PROVIDER}/create`, { user_id: 'x', username: 'x', password: 'x' }],
    [`${PROVIDER}/delete`, { username: 'x' }],
    [`${PROVIDER}/admin_change_password`, { user_id: 'x', password: 'x' }],
    [`${PROVIDER}/admin_change_username`, { user_id: 'x', username: 'x' }],
  ])('156: %s is not for everybody', async (type, fields) => {
    const { tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    const unauthorized = { error: { code: 'unauthorized', message: 'Unauthorized' } }
    expect(await socket.command(type, fields)).toMatchObject(unauthorized)
    // What is wrong with the fields is said first.
    expect(await socket.command(type, { more: 1 })).toMatchObject({ error: { code: 'invalid_format' } })
  })

  test.each(['admin_change_password', 'admin_change_username'])('171, 173: %s is for the owner', async (name) => {
    const { tokens } = await server().user(['system-admin'])
    const socket = await server().authenticated(tokens.access_token)
    const fields = { user_id: 'x', [name === 'admin_change_password' ? 'password' : 'username']: 'x' }
    expect(await socket.command(`${PROVIDER}/${name}`, fields)).toMatchObject({ error: { code: 'unauthorized' } })
  })

  test('157: nobody deletes oneself', async () => {
    const { user, tokens } = await server().user(['system-admin'])
    const socket = await server().authenticated(tokens.access_token)
    expect(await socket.command('config/auth/delete', { user_id: user })).toMatchObject({
      error: { code: 'no_delete_self', message: 'Unable to delete your own account' },
    })
  })

  test('158: a user who is deleted is gone with sessions and user name', async () => {
    const { owner, user, login, tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    expect(await owner.command('config/auth/delete', { user_id: user })).toMatchObject({ success: true, result: null })
    expect(await find(owner, user)).toBe(undefined)
    if (server().differs('deactivated and deleted users', false, true)) expect((await socket.closed).code).toBe(4201)
    expect(await server().bearer(tokens.access_token)).toBe(401)
    expect((await server().refresh(tokens.refresh_token)).status).toBe(400)
    expect(await logsIn(login.username, login.password)).toBe(false)
    const again = await owner.command('config/auth/delete', { user_id: user })
    expect(again).toMatchObject({ error: { code: 'not_found', message: 'User not found' } })
  })

  test('159, 160: a user is made, in groups or in none', async () => {
    const owner = await server().authenticated()
    expect(await create(owner)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      username: null,
      name: 'Somebody',
      is_owner: false,
      is_active: true,
      local_only: false,
      system_generated: false,
      group_ids: [],
      credentials: [],
    })
    expect(await create(owner, { group_ids: ['system-admin'], local_only: true })).toMatchObject({
      group_ids: ['system-admin'],
      is_owner: false,
      local_only: true,
    })
    const before = (await list(owner)).length
    expect(await owner.command('config/auth/create', { name: 'x', group_ids: ['nobody'] })).toMatchObject({
      error: { code: 'unknown_error' },
    })
    expect(await list(owner)).toHaveLength(before)
  })

  test('161: a user is changed', async () => {
    const owner = await server().authenticated()
    const { id } = await create(owner)
    const fields = { user_id: id, name: 'Renamed', group_ids: ['system-read-only'], local_only: true }
    const { result } = await owner.command('config/auth/update', fields)
    const changed = { id, name: 'Renamed', group_ids: ['system-read-only'], local_only: true, is_active: true }
    expect(result).toMatchObject({ user: changed })
    expect(await find(owner, id)).toMatchObject(changed)
  })

  test('162: an unknown user', async () => {
    const owner = await server().authenticated()
    expect(await owner.command('config/auth/update', { user_id: 'unknown', name: 'x' })).toMatchObject({
      error: { code: 'not_found', message: 'User not found' },
    })
  })

  test('163: a user is deactivated, and activated again', async () => {
    const { owner, user, login, tokens } = await server().user()
    const socket = await server().authenticated(tokens.access_token)
    const set = (is_active: boolean) => owner.command('config/auth/update', { user_id: user, is_active })
    expect(await set(false)).toMatchObject({ result: { user: { is_active: false } } })
    // 23: the password is right, and no use.
    const blocked = await server().step(await server().flow(), login)
    expect({ status: blocked.status, json: blocked.json }).toEqual({
      status: 403,
      json: { message: 'Login blocked: User is not active' },
    })
    const ends = server().differs('deactivated and deleted users', false, true)
    if (ends) expect((await socket.closed).code).toBe(4201)
    const refused = await server().refresh(tokens.refresh_token)
    expect({ status: refused.status, json: refused.json }).toEqual(
      ends
        ? { status: 400, json: { error: 'invalid_grant' } }
        : { status: 403, json: { error: 'access_denied', error_description: 'User is not active' } },
    )
    expect(await set(true)).toMatchObject({ result: { user: { is_active: true } } })
    expect(await logsIn(login.username, login.password)).toBe(true)
    expect((await server().refresh(tokens.refresh_token)).status).toBe(ends ? 400 : 200)
  })

  test('164: the owner is not deactivated, and is not deleted or replaced here', async () => {
    const { owner, tokens } = await server().user(['system-admin'])
    const { id } = (await owner.command('auth/current_user')).result as User
    expect(await owner.command('config/auth/update', { user_id: id, is_active: false })).toMatchObject({
      error: { code: 'cannot_deactivate_owner', message: 'Unable to deactivate owner.' },
    })
    // Home Assistant would do it, and be left without an owner.
    if (server().differs('deleting the owner', false, true)) {
      const admin = await server().authenticated(tokens.access_token)
      expect(await admin.command('config/auth/delete', { user_id: id })).toMatchObject({
        error: { code: 'cannot_delete_owner' },
      })
    }
    // And would let an administrator become the owner.
    if (server().differs('the owner’s user name', false, true)) {
      const admin = await server().authenticated(tokens.access_token)
      const { username } = OWNER
      const given = { user_id: id, username: 'another', password: 'long enough' }
      for (const [command, fields] of [
        ['delete', { username }],
        ['create', given],
      ] as const) {
        expect(await admin.command(`config/auth_provider/homeassistant/${command}`, fields)).toMatchObject({
          error: { code: 'unauthorized' },
        })
      }
    }
  })

  test('166: system users cannot be changed', async () => {
    const owner = await server().authenticated()
    const system = (await list(owner)).find((user) => 'system_generated' in user && user['system_generated'])
    // Home Assistant has one from the start; there is none here that anybody could reach over the wire.
    if (!server().differs('system users', true, false)) return
    expect(await owner.command('config/auth/update', { user_id: system!.id, name: 'x' })).toMatchObject({
      error: { code: 'cannot_modify_system_generated', message: 'Unable to update system generated users.' },
    })
    expect(
      await owner.command(`${PROVIDER}/create`, { user_id: system!.id, username: 'x', password: 'x' }),
    ).toMatchObject({
      error: { code: 'system_generated', message: 'Cannot add credentials to a system generated user.' },
    })
  })

  test('167, 168: a user gets a user name and a password', async () => {
    const owner = await server().authenticated()
    const { id: user_id } = await create(owner)
    const username = newName()
    const give = (fields: object) =>
      owner.command(`${PROVIDER}/create`, { user_id, username, password: 'secret words', ...fields })
    expect(await give({ user_id: 'unknown' })).toMatchObject({
      error: { code: 'not_found', message: 'User not found' },
    })
    expect((await give({ username: 'Not Normal' })).error).toEqual(
      translated(
        'username_not_normalized',
        { new_username: 'Not Normal' },
        'Username "Not Normal" is not normalized. Please make sure the username is lowercase and does not contain any whitespace',
      ),
    )
    expect(await give({})).toMatchObject({ success: true, result: null })
    expect(await find(owner, user_id)).toMatchObject({ username, credentials: [{ type: 'homeassistant' }] })
    expect(await logsIn(username, 'secret words')).toBe(true)
    const { id: other } = await create(owner)
    expect((await give({ user_id: other })).error).toEqual(
      translated('username_already_exists', { username }, `Username "${username}" already exists`),
    )
  })

  test('169: a user name is taken away, whatever its case and blanks', async () => {
    const { owner, user, login } = await server().user()
    const remove = (username: string) => owner.command(`${PROVIDER}/delete`, { username })
    expect((await remove('unknown')).error).toEqual(translated('user_not_found', null, 'User not found'))
    expect(await remove(` ${login.username.toUpperCase()} `)).toMatchObject({ success: true, result: null })
    expect(await logsIn(login.username, login.password)).toBe(false)
    expect(await find(owner, user)).toMatchObject({ username: null, credentials: [] })
  })

  test('170: one’s own password', async () => {
    const { login, tokens } = await server().user()
    const other = await server().session(login)
    const socket = await server().authenticated(tokens.access_token)
    const change = (current_password: string, new_password: string) =>
      socket.command(`${PROVIDER}/change_password`, { current_password, new_password })
    expect(await change('wrong', 'new words')).toMatchObject({
      error: { code: 'invalid_current_password', message: 'Invalid current password' },
    })
    expect(await logsIn(login.username, login.password)).toBe(true)
    expect(await change(login.password, 'new words')).toMatchObject({ success: true, result: null })
    expect(await logsIn(login.username, login.password)).toBe(false)
    expect(await logsIn(login.username, 'new words')).toBe(true)
    expect(await socket.command('ping')).toMatchObject({ type: 'pong' })
    const status = server().differs('changed passwords', 200, 400)
    expect((await server().refresh(other.refresh_token)).status).toBe(status)
  })

  test('171: anybody’s password, by the owner', async () => {
    const { owner, user, login } = await server().user()
    const set = (user_id: string) =>
      owner.command(`${PROVIDER}/admin_change_password`, { user_id, password: 'new words' })
    expect(await set('unknown')).toMatchObject({ error: { code: 'user_not_found', message: 'User not found' } })
    const { id } = await create(owner)
    expect(await set(id)).toMatchObject({ error: { code: 'credentials_not_found', message: 'Credentials not found' } })
    expect(await set(user)).toMatchObject({ success: true, result: null })
    expect(await logsIn(login.username, 'new words')).toBe(true)
  })

  test.each([' bla', 'bla ', 'BlA'])('172: %o is no user name', async (username) => {
    const { owner, user, login } = await server().user()
    const { error } = await owner.command(`${PROVIDER}/admin_change_username`, { user_id: user, username })
    expect(error).toMatchObject({ code: 'home_assistant_error', translation_key: 'username_not_normalized' })
    expect(await logsIn(login.username, login.password)).toBe(true)
  })

  test('173: anybody’s user name, by the owner', async () => {
    const { owner, user, login, tokens } = await server().user()
    const set = (user_id: string, username: string) =>
      owner.command(`${PROVIDER}/admin_change_username`, { user_id, username })
    expect(await set('unknown', 'x')).toMatchObject({ error: { code: 'user_not_found' } })
    const { id } = await create(owner)
    expect(await set(id, 'x')).toMatchObject({ error: { code: 'credentials_not_found' } })
    const username = newName()
    expect(await set(user, username)).toMatchObject({ success: true, result: null })
    expect(await logsIn(login.username, login.password)).toBe(false)
    expect(await logsIn(username, login.password)).toBe(true)
    expect((await server().refresh(tokens.refresh_token)).status).toBe(200)
    expect((await set(user, username)).error).toMatchObject({ translation_key: 'username_already_exists' })
  })
})

describeServers('set-up', (server) => {
  test('211: the owner is made once', async () => {
    const json = { name: 'x', username: 'x', password: 'x', client_id: 'https://example.com/app', language: 'en' }
    const done = await server().ask('POST', '/api/onboarding/users', { json })
    expect({ status: done.status, json: done.json }).toEqual({
      status: 403,
      json: { message: 'User step already done' },
    })
    const { name: _, ...incomplete } = json
    const refused = await server().ask('POST', '/api/onboarding/users', { json: incomplete })
    expect({ status: refused.status, json: refused.json }).toEqual({
      status: 400,
      json: { message: "Message format incorrect: required key not provided @ data['name']" },
    })
  })

  test('209: the steps, in their order', async () => {
    const { json } = await server().ask('GET', '/api/onboarding')
    const steps = (json as { step: string }[]).map(({ step }) => step)
    expect(steps).toEqual(['user', 'core_config', 'analytics', 'integration'])
    expect((json as { done: boolean }[])[0]!.done).toBe(true)
  })

  test('215: the installation type is told nobody once a step is done', async () => {
    expect((await server().ask('GET', '/api/onboarding/installation_type')).status).toBe(401)
  })

  test('212, 213: the last step gives a code to the client that is set up, once', async () => {
    const headers = { authorization: `Bearer ${(await server().session()).access_token}` }
    const integration = (json: unknown, more: object = { headers }) =>
      server().ask('POST', '/api/onboarding/integration', { json, ...more })
    const good = { client_id: CLIENT, redirect_uri: REDIRECT }
    expect((await integration(good, {})).status).toBe(401)
    expect((await integration({ client_id: CLIENT })).status).toBe(400)
    if (!server().differs('steps that fail', true, false)) {
      const bad = await integration({ ...good, redirect_uri: 'https://other.example/' })
      expect({ status: bad.status, json: bad.json }).toEqual({
        status: 400,
        json: { message: 'invalid client id or redirect uri' },
      })
    }
    const { status, json } = await integration(good)
    expect(status).toBe(200)
    expect((await server().exchange((json as { auth_code: string }).auth_code)).status).toBe(200)
    const again = await integration(good)
    expect({ status: again.status, json: again.json }).toEqual({
      status: 403,
      json: { message: 'Integration step already done' },
    })
  })

  test.each(['core_config', 'analytics'])('216: the step %s is done once, in any order', async (step) => {
    const headers = { authorization: `Bearer ${(await server().session()).access_token}` }
    const path = `/api/onboarding/${step}`
    expect((await server().ask('POST', path)).status).toBe(401)
    const done = await server().ask('POST', path, { headers })
    expect({ status: done.status, json: done.json }).toEqual({ status: 200, json: {} })
    const name = step === 'analytics' ? 'Analytics' : 'Core'
    const again = await server().ask('POST', path, { headers })
    expect({ status: again.status, json: again.json }).toEqual({
      status: 403,
      json: { message: `${name} config step already done` },
    })
  })
})
