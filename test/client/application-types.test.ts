/** What the types promise to an application that declares commands and events of its own: held by the compiler. */
import { expectTypeOf, test } from 'vitest'
import {
  type AuthenticatedSocket,
  type BusEvent,
  type Connection,
  connect,
  type EventOf,
  openSocket,
  type SubscribeType,
} from '../../src/client/index.ts'
import {
  type CommandContext,
  createGateway,
  type Gateway,
  type HandlersOf,
  type Refusal,
  type SubscriptionContext,
} from '../../src/index.ts'
import { command, eventType, type User, z } from '../../src/protocol/index.ts'

const commands = {
  'chat/send': command({
    doc: 'Say something.',
    needs: 'user',
    may: (user, { room }) => {
      expectTypeOf(user).toEqualTypeOf<User>()
      expectTypeOf(room).toBeString()
      return user.permissions.check('rooms', room, 'control')
    },
    input: { room: z.string(), loud: z.boolean().default(false) },
    result: z.strictObject({ number: z.int() }),
    errors: { room_full: 'The room is full.', no_room: 'There is no such room.' },
  }),
  'chat/listen': command({
    doc: 'Hear a room.',
    needs: 'user',
    input: { room: z.string() },
    result: z.null(),
    event: z.strictObject({ text: z.string(), at: z.string().transform((text) => new Date(text)) }),
    errors: ['not_found'],
  }),
  'chat/watch': command({
    doc: 'Hear all.',
    needs: 'admin',
    input: {},
    result: z.int(),
    event: z.int(),
    errors: [],
  }),
  'chat/open': command({ doc: 'For anyone.', needs: 'anyone', input: {}, result: z.null(), errors: [] }),
}
const events = {
  chat_started: eventType({
    doc: 'A chat was started.',
    needs: 'user',
    data: z.strictObject({ room: z.string() }),
    mayHear: (user, data) => {
      expectTypeOf(data).toEqualTypeOf<{ room: string }>()
      return user.isAdmin
    },
  }),
}
interface Chat {
  readonly commands: typeof commands
  readonly events: typeof events
}

declare const connection: Connection<Chat>

test('a connection takes an application’s commands beside the server’s own, with their types', () => {
  expectTypeOf(connect<Chat>).returns.toEqualTypeOf<Connection<Chat>>()
  expectTypeOf(openSocket<Chat>).returns.resolves.toEqualTypeOf<AuthenticatedSocket<Chat>>()
  const ask = () => ({
    sent: connection.command('chat/send', { room: 'x' }),
    own: connection.command('auth/long_lived_access_token', { client_name: 'x', lifespan: 1 }),
  })
  expectTypeOf<ReturnType<typeof ask>['sent']>().resolves.toEqualTypeOf<{ number: number }>()
  expectTypeOf<ReturnType<typeof ask>['own']>().resolves.toBeString()
  const never = (plain: Connection) => [
    // @ts-expect-error not declared
    connection.command('chat/nothing', {}),
    // @ts-expect-error a field is missing
    connection.command('chat/send', {}),
    // @ts-expect-error a field is of another type
    connection.command('chat/send', { room: 5 }),
    // @ts-expect-error a field too many
    connection.command('chat/send', { room: 'x', other: 1 }),
    // @ts-expect-error the server's own are judged as before
    connection.command('auth/delete_refresh_token', { refresh_token_id: 'x', other: 1 }),
    // @ts-expect-error a connection that was not told of the application
    plain.command('chat/send', { room: 'x' }),
  ]
  expectTypeOf(never).toBeFunction()
})

test('a subscription brings what its command, or its event type, declares', () => {
  expectTypeOf<SubscribeType<Chat>>().toEqualTypeOf<SubscribeType | 'chat/listen' | 'chat/watch'>()
  expectTypeOf<EventOf<'chat/listen', Chat>>().toEqualTypeOf<{ text: string; at: Date }>()
  const hear = () => [
    connection.subscribe('chat/listen', { room: 'x' }, (event) => {
      expectTypeOf(event).toEqualTypeOf<{ text: string; at: Date }>()
    }),
    connection.subscribe('subscribe_events', { event_type: 'chat_started' }, (event) => {
      expectTypeOf(event).toEqualTypeOf<BusEvent<'chat_started', { room: string }>>()
    }),
    connection.subscribe('subscribe_events', { event_type: 'user_added' }, (event) => {
      expectTypeOf(event).toEqualTypeOf<BusEvent>()
    }),
    // @ts-expect-error no events follow this command
    connection.subscribe('chat/send', { room: 'x' }, () => undefined),
    // @ts-expect-error a field too many
    connection.subscribe('chat/listen', { room: 'x', other: 1 }, () => undefined),
    // @ts-expect-error a field too many, of the server's own
    connection.subscribe('auth/subscribe', { other: 1 }, () => undefined),
  ]
  expectTypeOf(hear).toBeFunction()
})

const handlers: HandlersOf<Chat> = {
  'chat/send': ({ user, sessionId, address, refuse, publish }, { room, loud }) => {
    expectTypeOf(user).toEqualTypeOf<User>()
    expectTypeOf(sessionId).toBeString()
    expectTypeOf(address).toBeString()
    expectTypeOf(room).toBeString()
    expectTypeOf(loud).toBeBoolean()
    expectTypeOf(refuse).parameter(0).toEqualTypeOf<'room_full' | 'no_room'>()
    expectTypeOf(refuse).returns.toEqualTypeOf<Refusal>()
    publish('chat_started', { room }, { user: user.id })
    publish('chat/listen', { text: 'x', at: 'now' }, { topic: room })
    // @ts-expect-error not what is declared
    publish('chat_started', { room: 5 })
    // @ts-expect-error no event type, and no subscription
    publish('chat/send', { room })
    // @ts-expect-error nobody is addressed so
    publish('chat_started', { room }, { everyone: true })
    return loud ? refuse('room_full') : { number: 1 }
  },
  'chat/listen': async ({ emit, refuse }, { room }) => {
    expectTypeOf(emit).parameter(0).toEqualTypeOf<{ text: string; at: string }>()
    expectTypeOf(refuse).parameter(0).toEqualTypeOf<'not_found'>()
    return room === '' ? refuse('not_found') : { topic: room, stop: () => undefined }
  },
  'chat/watch': ({ emit }) => {
    emit(1)
    return { result: 5 }
  },
  'chat/open': ({ user, sessionId }) => {
    expectTypeOf(user).toEqualTypeOf<User | null>()
    expectTypeOf(sessionId).toEqualTypeOf<string | null>()
    return null
  },
}

test('handlers are given what their commands declare, and have to answer that', () => {
  expectTypeOf(handlers['chat/watch'])
    .parameter(0)
    .toEqualTypeOf<SubscriptionContext<(typeof commands)['chat/watch'], Chat>>()
  expectTypeOf(handlers['chat/send']).parameter(0).toEqualTypeOf<CommandContext<(typeof commands)['chat/send'], Chat>>()
  const wrong = () => {
    const some: HandlersOf<Chat> = {
      ...handlers,
      // @ts-expect-error another shape
      'chat/send': () => ({ number: 'one' }),
    }
    const more: HandlersOf<Chat> = {
      ...handlers,
      // @ts-expect-error a result is declared
      'chat/watch': () => () => undefined,
    }
    const other: HandlersOf<Chat> = {
      ...handlers,
      // @ts-expect-error no such command
      'chat/other': () => null,
    }
    const { 'chat/open': _, ...missing } = handlers
    // @ts-expect-error one is missing
    const fewer: HandlersOf<Chat> = missing
    return [some, more, other, fewer]
  }
  expectTypeOf(wrong).toBeFunction()
})

test('a gateway is started with declarations and what answers them', () => {
  const begin = () => createGateway({ commands, events, handlers })
  expectTypeOf<Awaited<ReturnType<typeof begin>>>().toEqualTypeOf<Gateway<Chat>>()
  const inline = () =>
    createGateway({
      config: { server: { port: 0 }, policy: { categories: ['rooms'] }, tokens: { access_token_lifetime: '10m' } },
      commands: { 'a/b': command({ doc: 'x', needs: 'user', input: { n: z.int() }, result: z.int(), errors: [] }) },
      handlers: {
        'a/b': ({ user }, { n }) => {
          expectTypeOf(user).toEqualTypeOf<User>()
          return n + 1
        },
      },
    })
  const plain = async () => {
    const gateway = await createGateway({ events })
    gateway.publish('chat_started', { room: 'x' })
    // @ts-expect-error not declared
    gateway.publish('chat_ended', {})
  }
  const wrong = () => [
    // @ts-expect-error nothing answers the commands
    createGateway({ commands }),
    // @ts-expect-error there is no such setting
    createGateway({ config: { server: { prot: 1 } } }),
  ]
  expectTypeOf([inline, plain, wrong]).toBeArray()
})
