/** An application's own commands: declared as ours are, judged as ours are, and never the end of anybody else. */
import { afterEach, describe, expect, test } from 'vitest'
import { checkApplication } from '../../src/gateway/application.ts'
import type { HandlersOf } from '../../src/index.ts'
import { command, eventType, optional, z } from '../../src/protocol/index.ts'
import { authenticated, closeRigs, grantOf, rawSocket, session, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { admit, told } from './members.ts'
import { asker } from './people.ts'
import { offer, PROVED, stepUp } from './stepping-up.ts'

afterEach(closeRigs)

const plain = { doc: 'For a test.', needs: 'user', input: {}, result: z.null(), errors: [] } as const
const answered = () => null

describe('declarations are refused at the start', () => {
  const wrong = (brought: object): string[] => {
    try {
      checkApplication(brought)
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError)
      return (error as TypeError).message.split('\n')
    }
    return []
  }
  const one = (type: string, declared: unknown) =>
    wrong({ commands: { [type]: declared }, handlers: { [type]: answered } })

  test.each(['ping', 'auth', 'auth/token', 'auth/anything', 'config/auth', 'config/auth/list', 'subscribe_events'])(
    '%s is the gateway’s own',
    (type) => {
      expect(one(type, command(plain))).toEqual([`commands["${type}"]: this type is the gateway’s own`])
    },
  )

  test.each(['get_states', 'call_service', 'config/area_registry/list', 'chat/send', 'a2', 'authors/list'])(
    '%s is free',
    (type) => {
      expect(one(type, command(plain))).toEqual([])
    },
  )

  test.each(['', 'Chat', 'chat/', '/chat', 'chat send', 'chat//send', '2chat', 'constructor()', 'a'.repeat(65)])(
    '%j is no name',
    (type) => {
      expect(one(type, command(plain))).toEqual([
        `commands[${JSON.stringify(type)}]: a type is a name such as chat/send`,
      ])
    },
  )

  const bad = (declaration: object) => one('x', command({ ...plain, ...declaration } as never))
  test.each([
    [{ needs: 'nobody' }, 'needs is anyone, user, admin or owner'],
    [{ input: { id: z.string() } }, 'input: id is every message’s own'],
    [{ input: { type: z.string() } }, 'input: type is every message’s own'],
    [{ result: 5 }, 'result needs a schema of zod 4'],
    [{ event: {} }, 'event needs a schema of zod 4'],
    [{ may: true }, 'may is a function'],
    [{ may: () => true, needs: 'anyone' }, 'may asks about a user, and needs is anyone'],
    [{ reply: 'pong' }, 'reply is not for applications'],
    [{ sensitive: 'where it widens rights' }, 'sensitive is always, or left out'],
    [{ sensitive: 'always', needs: 'anyone' }, 'sensitive asks about a user, and needs is anyone'],
    [{ errors: undefined }, 'errors is a map from each code to its text; {} where there are none'],
    [
      { errors: ['room_full'] },
      'errors in a list are codes of the gateway; codes of your own are keys, with a text for each',
    ],
    [{ errors: { 'Room full': 'x' } }, 'errors: "Room full" is no code such as room_full'],
    [{ errors: { room_full: '' } }, 'errors: room_full needs a text'],
  ])('%o', (declaration, line) => {
    expect(bad(declaration)).toEqual([`commands["x"]: ${line}`])
  })

  test('what was not made by command(), and schemas of something else', () => {
    expect(one('x', plain)).toEqual(['commands["x"]: not made by command()'])
    expect(one('x', null)).toEqual(['commands["x"]: not made by command()'])
    const other = { ...command(plain), input: { room: 'string' } }
    expect(one('x', other)).toEqual(['commands["x"]: input: room needs a schema of zod 4'])
  })

  test('a command that nothing answers, and an answer to no command', () => {
    expect(wrong({ commands: { 'a/b': command(plain) }, handlers: { 'a/c': answered } })).toEqual([
      'handlers["a/b"]: a function has to answer this command',
      'handlers["a/c"]: no such command is declared',
    ])
    // Nothing is taken from what every object has.
    expect(wrong({ commands: { constructor: command(plain) } })).toEqual([
      'handlers["constructor"]: a function has to answer this command',
    ])
  })

  test('event types, and one that a command has too', () => {
    const good = eventType({ doc: 'x', needs: 'user', data: z.strictObject({}) })
    const commands = { chat: command({ ...plain, event: z.int() }) }
    const events = {
      'chat message': good,
      user_added: good,
      chat_a: { ...good, needs: 'anyone' },
      chat_b: { ...good, data: 5 },
      chat_c: { ...good, mayHear: 5 },
      chat: good,
      'chat.good_1': good,
      state_changed: good,
    }
    expect(wrong({ commands, events, handlers: { chat: answered } })).toEqual([
      'events["chat message"]: a type is a name such as chat_message',
      'events["user_added"]: this type is the gateway’s own',
      'events["chat_a"]: needs is user, admin or owner',
      'events["chat_b"]: data needs a schema of zod 4',
      'events["chat_c"]: mayHear is a function',
      'events["chat"]: a command has this type too',
    ])
  })
})

const commands = {
  'app/echo': command({
    ...plain,
    input: { text: z.string().max(5), times: optional(z.int().min(1)), list: z.array(z.int()).default([]) },
    result: z.unknown(),
  }),
  'app/me': command({ ...plain, result: z.unknown() }),
  'app/admin': command({ ...plain, needs: 'admin' }),
  'app/owner': command({ ...plain, needs: 'owner' }),
  'app/open': command({ ...plain, needs: 'anyone', result: z.unknown() }),
  'app/topic': command({
    ...plain,
    input: { topic: z.string() },
    may: (user, { topic }) => {
      if (topic === 'broken') throw new Error('a rule that fails')
      return user.permissions.check('topics', topic, 'control')
    },
  }),
  'app/sensitive': command({ ...plain, input: { n: optional(z.int()) }, sensitive: 'always' }),
  'app/sensitive_topic': command({
    ...plain,
    input: { topic: z.string() },
    may: (user, { topic }) => user.permissions.check('topics', topic, 'control'),
    sensitive: 'always',
  }),
  'app/refuse': command({
    ...plain,
    input: { code: z.string(), retry: optional(z.int()) },
    errors: { room_full: 'The room is full.', not_found: 'There is no such room.' },
  }),
  'app/refuse_known': command({ ...plain, errors: ['not_found', 'already_exists'] }),
  'app/fail': command({ ...plain, input: { how: z.string() }, result: z.unknown() }),
  'app/broken_schema': command({
    ...plain,
    input: {
      how: z.string().transform((how) => {
        if (how === 'throws') throw new Error('a schema that throws')
        return how
      }),
      later: optional(z.string().refine(async () => true)),
    },
  }),
  'app/mistyped': command({ ...plain, result: z.int() }),
  get_states: command({ ...plain, result: z.array(z.strictObject({ entity_id: z.string() })) }),
}

const failures: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('a fault of the application')
  },
  rejects: () => Promise.reject(new Error('a fault of the application')),
  'is no error': () => {
    throw 'text'
  },
  'answers a BigInt': () => 5n,
  'answers a function': () => answered,
  'answers what holds itself': () => {
    const self: Record<string, unknown> = {}
    self['self'] = self
    return self
  },
}

const handlers: HandlersOf<{ readonly commands: typeof commands }> = {
  'app/echo': (_, input) => input,
  'app/me': async ({ user, sessionId, address }) => ({
    id: user.id,
    name: user.name,
    username: user.username,
    groups: user.groups,
    owner: user.isOwner,
    admin: user.isAdmin,
    may: user.permissions.check('topics', 'a', 'read'),
    sessionId,
    address,
    frozen: Object.isFrozen(user) && Object.isFrozen(user.groups) && Object.isFrozen(user.permissions),
  }),
  'app/admin': () => null,
  'app/owner': () => undefined,
  'app/open': ({ user, sessionId }) => [user?.name ?? null, sessionId],
  'app/topic': () => null,
  'app/sensitive': () => null,
  'app/sensitive_topic': () => null,
  'app/refuse': ({ refuse }, { code, retry }) => refuse(code as 'room_full', retry),
  'app/refuse_known': ({ refuse }) => refuse('already_exists'),
  'app/fail': (_, { how }) => failures[how]!(),
  'app/broken_schema': () => null,
  'app/mistyped': () => 'text' as never,
  // What is no promise of this realm is waited for too.
  get_states: () =>
    ({
      // biome-ignore lint/suspicious/noThenProperty: this is what is tested
      then: (resolve: (value: unknown) => void) => resolve([{ entity_id: 'light.hall' }]),
    }) as never,
}

const SETTINGS = { 'policy.categories': 'topics' }

describeTransports('an application’s commands', (start) => {
  const begin = async () => {
    const gateway = await start(SETTINGS, { commands, handlers })
    const { access_token } = await session(gateway.url)
    const raw = await authenticated(gateway.url, access_token)
    return { gateway, raw, owner: asker(raw), access_token }
  }
  const faults = ({ logged }: { logged: Record<string, unknown>[] }) =>
    logged.filter(({ msg }) => msg === 'command failed').map(({ command, err }) => [command, (err as Error)?.message])

  test('get the fields that they declare, without what every message has', async () => {
    const { owner } = await begin()
    expect(await told(owner, 'app/echo', { text: 'x' })).toEqual({ text: 'x', list: [] })
    expect(await told(owner, 'app/echo', { text: 'x', times: 2, list: [1] })).toEqual({
      text: 'x',
      times: 2,
      list: [1],
    })
    expect(await told(owner, 'app/echo', { text: 'x', times: null })).toEqual({ text: 'x', list: [] })
  })

  test.each([
    [{}, "required key not provided @ data['text']"],
    [{ text: 5 }, "expected str for dictionary value @ data['text']"],
    [{ text: 'too long' }, "value is too large @ data['text']"],
    [{ text: 'x', times: 0 }, "value is too small @ data['times']"],
    [{ text: 'x', list: ['y'] }, "expected int @ data['list'][0]"],
    [{ text: 'x', other: 1 }, 'extra keys not allowed'],
  ])('are refused fields that do not fit, in a sentence of ours: %o', async (fields, message) => {
    const { owner } = await begin()
    expect(await owner('app/echo', fields)).toMatchObject({
      success: false,
      error: { code: 'invalid_format', message },
    })
    expect(await told(owner, 'ping')).toBeUndefined()
  })

  test('know who asks, on which session and from where, and cannot change it', async () => {
    const { gateway, owner, access_token } = await begin()
    const me = (await told(owner, 'app/me')) as { id: string }
    const { id } = (await told(owner, 'auth/current_user')) as { id: string }
    expect(me).toEqual({
      id,
      name: USER.name,
      username: USER.username,
      groups: ['system-admin'],
      owner: true,
      admin: true,
      may: true,
      sessionId: grantOf(access_token),
      address: '127.0.0.1',
      frozen: true,
    })
    const bob = await admit(gateway, owner, 'bob', ['system-users'])
    expect(await told(bob.ask, 'app/me')).toMatchObject({
      id: bob.id,
      groups: ['system-users'],
      admin: false,
      may: false,
    })
    // What changes is known at once.
    const { group } = (await told(owner, 'config/auth/groups/create', {
      name: 'a',
      policy: { topics: { a: true } },
    })) as {
      group: { id: string }
    }
    await bob.put([group.id])
    expect(await told(bob.ask, 'app/me')).toMatchObject({ groups: [group.id], may: true })
  })

  test('are for whom they say: anyone, a user, an administrator, the owner', async () => {
    const { gateway, owner } = await begin()
    const adm = await admit(gateway, owner, 'adm', ['system-admin'])
    const usr = await admit(gateway, owner, 'usr', ['system-users'])
    const all = async (type: string) => [await told(owner, type), await told(adm.ask, type), await told(usr.ask, type)]
    expect(await all('app/admin')).toEqual([null, null, 'unauthorized'])
    expect(await all('app/owner')).toEqual([null, 'unauthorized', 'unauthorized'])
    expect(await told(usr.ask, 'app/open')).toEqual(['usr', expect.any(String)])
    const stranger = rawSocket(gateway.url)
    await stranger.next()
    stranger.send({ id: 1, type: 'app/open' })
    expect(await stranger.next()).toMatchObject({ id: 1, success: true, result: [null, null] })
    // Before authentication everything else is the end.
    stranger.send({ id: 2, type: 'app/admin' })
    expect(await stranger.next()).toMatchObject({ type: 'auth_invalid' })
    expect((await stranger.closed).code).toBe(4300)
  })

  test('may depend on their fields, and on the rights of the moment; a rule that fails says no (F4)', async () => {
    const { gateway, owner } = await begin()
    const { group } = (await told(owner, 'config/auth/groups/create', {
      name: 'a',
      policy: { topics: { a: true } },
    })) as {
      group: { id: string }
    }
    const usr = await admit(gateway, owner, 'usr', [group.id])
    const ask = (topic: string) => told(usr.ask, 'app/topic', { topic })
    expect([await ask('a'), await ask('b'), await ask('broken')]).toEqual([null, 'unauthorized', 'unauthorized'])
    await told(owner, 'config/auth/groups/update', { group_id: group.id, policy: { topics: { a: { read: true } } } })
    expect(await ask('a')).toBe('unauthorized')
    expect(gateway.logged.filter(({ msg }) => msg === 'a rule of the application failed')).toHaveLength(1)
  })

  test('may be sensitive: asked of those who can step up, after everything else (F10)', async () => {
    const { gateway, owner } = await begin()
    const usr = await admit(gateway, owner, 'usr', [])
    expect(await told(usr.ask, 'app/sensitive')).toBe(null)
    await offer(usr.ask)
    expect(await told(usr.ask, 'app/sensitive')).toBe('step_up_required')
    expect(await told(usr.ask, 'app/sensitive', { n: 'x' })).toBe('invalid_format')
    expect(await told(usr.ask, 'app/sensitive_topic', { topic: 'a' })).toBe('unauthorized')
    await offer(owner)
    expect(await told(owner, 'app/sensitive_topic', { topic: 'a' })).toBe('step_up_required')
    expect(await stepUp(owner)).toMatchObject(PROVED)
    expect(await told(owner, 'app/sensitive_topic', { topic: 'a' })).toBe(null)
    expect(await told(owner, 'app/sensitive')).toBe(null)
  })

  test('refuse with a code and a text that they declare, and with no other', async () => {
    const { gateway, owner } = await begin()
    expect(await owner('app/refuse', { code: 'room_full' })).toMatchObject({
      error: { code: 'room_full', message: 'The room is full.' },
    })
    expect(await owner('app/refuse', { code: 'not_found', retry: 500 })).toMatchObject({
      error: { code: 'not_found', message: 'There is no such room.', retry_after_ms: 500 },
    })
    expect(await owner('app/refuse_known')).toMatchObject({
      error: { code: 'already_exists', message: 'The name is taken.' },
    })
    expect(await told(owner, 'app/refuse', { code: 'constructor' })).toBe('unknown_error')
    expect(faults(gateway)).toEqual([['app/refuse', 'app/refuse declares no error "constructor"']])
  })

  test('that fail are answered unknown_error and logged, whatever the fault, and nobody notices', async () => {
    const { gateway, owner } = await begin()
    for (const how of Object.keys(failures)) {
      expect([how, await told(owner, 'app/fail', { how })]).toEqual([how, 'unknown_error'])
    }
    expect(await told(owner, 'app/broken_schema', { how: 'throws' })).toBe('unknown_error')
    expect(await told(owner, 'app/broken_schema', { how: 'x', later: 'y' })).toBe('unknown_error')
    // Only in tests: an answer of another shape.
    expect(await told(owner, 'app/mistyped')).toBe('unknown_error')
    expect(await told(owner, 'app/broken_schema', { how: 'fits' })).toBe(null)
    expect(faults(gateway)).toHaveLength(Object.keys(failures).length + 3)
  })

  test('of Home Assistant are answered where the application has them, and unknown where not', async () => {
    const { owner } = await begin()
    expect(await told(owner, 'get_states')).toEqual([{ entity_id: 'light.hall' }])
    expect(await told(owner, 'get_config')).toBe('unknown_command')
    const other = await start()
    const ask = asker(await authenticated(other.url, (await session(other.url)).access_token))
    expect(await told(ask, 'get_states')).toBe('unknown_command')
  })
})
