/** What the types of `latchkey/client` and `latchkey/protocol` promise: held by the compiler, in `npm run check`. */
import { expectTypeOf, test } from 'vitest'
import type { WebSocket } from 'ws'
import {
  type AuthenticatedSocket,
  type BusEvent,
  CommandFailed,
  type Connection,
  type ConnectionEnded,
  type ConnectionState,
  connect,
  type EventOf,
  type ExternalWindow,
  OAuth2Session,
  type OpenOptions,
  openSocket,
  SocketClosed,
  type SubscribeType,
  type Token,
} from '../../src/client/index.ts'
import {
  type AbortStep,
  type AdministrationEvent,
  type AllCommands,
  authFrame,
  type CloseName,
  type Command,
  type CommandError,
  type closes,
  commands,
  type DoneStep,
  type ErrorCode,
  type errors,
  type FieldsOf,
  type FlowStep,
  type FormField,
  type FormStep,
  type Handler,
  type InputOf,
  type Needs,
  oauthErrors,
  type PROTOCOL_VERSION,
  type ResultOf,
  type SessionEvent,
  type TokenAnswer,
} from '../../src/protocol/index.ts'

declare const socket: AuthenticatedSocket
declare const connection: Connection

test('a socket is opened with an address and a token, and a WebSocket where the platform has none', () => {
  expectTypeOf(openSocket).parameters.toEqualTypeOf<[OpenOptions]>()
  expectTypeOf(openSocket).returns.resolves.toEqualTypeOf<AuthenticatedSocket>()
  expectTypeOf<{ url: string; accessToken: string }>().toExtend<OpenOptions>()
  expectTypeOf<{ url: string }>().not.toExtend<OpenOptions>()
  expectTypeOf<typeof globalThis.WebSocket>().toExtend<NonNullable<OpenOptions['WebSocket']>>()
  expectTypeOf<typeof WebSocket>().toExtend<NonNullable<OpenOptions['WebSocket']>>()
})

test('a command takes the fields that it declares, and gives the result that it declares', () => {
  const ask = () => ({
    pong: socket.command('ping', {}),
    user: socket.command('auth/current_user', {}),
    token: socket.command('auth/long_lived_access_token', { client_name: 'x', lifespan: 1 }),
    none: socket.command('auth/delete_refresh_token', { refresh_token_id: 'x' }),
    list: socket.command('auth/refresh_tokens', {}),
  })
  type Asked = ReturnType<typeof ask>
  expectTypeOf<Asked['pong']>().resolves.toBeNull()
  expectTypeOf<Asked['token']>().resolves.toBeString()
  expectTypeOf<Asked['user']>().resolves.toHaveProperty('is_admin').toBeBoolean()
  expectTypeOf<Asked['user']>().resolves.toHaveProperty('name').toEqualTypeOf<string | null>()
  expectTypeOf<Asked['list']>().resolves.items.toHaveProperty('expire_at').toEqualTypeOf<string | null>()
  expectTypeOf<Asked['list']>()
    .resolves.items.toHaveProperty('type')
    .toEqualTypeOf<'normal' | 'long_lived_access_token' | 'system'>()
})

test('what a command does not declare does not compile', () => {
  const never = () => [
    // @ts-expect-error there is no such command
    socket.command('auth/nothing', {}),
    // @ts-expect-error a field is missing
    socket.command('auth/delete_refresh_token', {}),
    // @ts-expect-error a field is of another type
    socket.command('auth/delete_refresh_token', { refresh_token_id: 5 }),
    // @ts-expect-error a field too many
    socket.command('auth/delete_refresh_token', { refresh_token_id: 'x', other: 1 }),
    // @ts-expect-error the fields are missing
    socket.command('ping'),
  ]
  expectTypeOf(never).toBeFunction()
})

test('an optional field may be left out or null, and its handler never sees null', () => {
  type LongLived = AllCommands['auth/long_lived_access_token']
  expectTypeOf<FieldsOf<LongLived>>().toEqualTypeOf<{
    client_name: string
    client_icon?: string | null | undefined
    lifespan: number
  }>()
  expectTypeOf<InputOf<LongLived>['client_icon']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<ResultOf<LongLived>>().toBeString()
})

test('what a socket ends with says code and reason, what a command is refused with a code', () => {
  expectTypeOf<AuthenticatedSocket['closed']>().resolves.toEqualTypeOf<SocketClosed>()
  expectTypeOf<SocketClosed>().toExtend<Error & { readonly code: number; readonly reason: string }>()
  expectTypeOf<CommandFailed>().toExtend<Error & { readonly code: string }>()
  expectTypeOf(CommandFailed).constructorParameters.toEqualTypeOf<
    [code: string, message: string, retryAfterMs?: number | null | undefined]
  >()
  expectTypeOf(SocketClosed).constructorParameters.toEqualTypeOf<[code: number, reason: string]>()
})

test('errors and closes are closed lists', () => {
  expectTypeOf<keyof typeof errors>().toEqualTypeOf<ErrorCode>()
  expectTypeOf<keyof typeof closes>().toEqualTypeOf<CloseName>()
  expectTypeOf<'id_reuse' | 'invalid_format' | 'unknown_command' | 'unauthorized'>().toExtend<ErrorCode>()
  expectTypeOf<'nothing'>().not.toExtend<ErrorCode>()
  expectTypeOf<(typeof closes)[CloseName]['next']>().toEqualTypeOf<'reconnect' | 'login' | 'refresh' | 'stop'>()
  expectTypeOf<CommandError['code']>().toEqualTypeOf<ErrorCode>()
  expectTypeOf<CommandError['retry_after_ms']>().toEqualTypeOf<number | undefined>()
  expectTypeOf(oauthErrors.temporarily_unavailable).toEqualTypeOf<503>()
})

test('commands are found by any text, and say what they need', () => {
  expectTypeOf(commands.get).parameter(0).toBeString()
  expectTypeOf(commands.get('x')).toEqualTypeOf<Command | undefined>()
  expectTypeOf<Command['needs']>().toEqualTypeOf<Needs>()
  expectTypeOf<Needs>().toEqualTypeOf<'anyone' | 'user' | 'admin' | 'owner'>()
})

test('the steps of a login are told apart by their type', () => {
  expectTypeOf<FlowStep>().toEqualTypeOf<FormStep | AbortStep | DoneStep>()
  expectTypeOf<FlowStep['type']>().toEqualTypeOf<'form' | 'abort' | 'create_entry'>()
  expectTypeOf<Extract<FlowStep, { type: 'create_entry' }>>().toHaveProperty('result').toBeString()
  expectTypeOf<Extract<FlowStep, { type: 'form' }>>()
    .toHaveProperty('data_schema')
    .toEqualTypeOf<readonly FormField[]>()
  expectTypeOf<FlowStep['handler']>().toEqualTypeOf<Handler>()
  expectTypeOf<Handler>().toEqualTypeOf<readonly [string, string | null]>()
})

test('a refresh gives no refresh token, so nobody can count on one', () => {
  expectTypeOf<TokenAnswer['access_token']>().toBeString()
  expectTypeOf<TokenAnswer['refresh_token']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<TokenAnswer['expires_in']>().toBeNumber()
})

test('the auth frame is one of two', () => {
  expectTypeOf(authFrame.parse).returns.toEqualTypeOf<
    { type: 'auth'; access_token?: string | undefined } | { type: 'auth'; api_password: string }
  >()
  expectTypeOf<typeof PROTOCOL_VERSION>().toEqualTypeOf<1>()
})

test('a connection takes the same commands as a socket, and hears events of the commands that subscribe', () => {
  expectTypeOf(connect).returns.toEqualTypeOf<Connection>()
  expectTypeOf<Connection['command']>().toEqualTypeOf<AuthenticatedSocket['command']>()
  expectTypeOf<SubscribeType>().toEqualTypeOf<'subscribe_events' | 'auth/subscribe' | 'config/auth/subscribe'>()
  expectTypeOf<EventOf<'auth/subscribe'>>().toEqualTypeOf<SessionEvent>()
  expectTypeOf<EventOf<'config/auth/subscribe'>>().toEqualTypeOf<AdministrationEvent>()
  const hear = () =>
    connection.subscribe('subscribe_events', { event_type: 'user_added' }, (event) => {
      expectTypeOf(event).toEqualTypeOf<BusEvent>()
    })
  expectTypeOf(hear).returns.resolves.toEqualTypeOf<() => Promise<void>>()
  // @ts-expect-error no events follow this command
  const wrong = () => connection.subscribe('auth/current_user', {}, () => undefined)
  expectTypeOf(wrong).toBeFunction()
  expectTypeOf<Connection['closed']>().resolves.toEqualTypeOf<ConnectionEnded>()
  expectTypeOf<ConnectionEnded['next']>().toEqualTypeOf<'login' | 'stop' | null>()
  expectTypeOf<ConnectionState['state']>().toEqualTypeOf<'connecting' | 'open' | 'waiting' | 'closed'>()
})

test('a session’s token is plain JSON, and its refresh can be overridden', () => {
  expectTypeOf<Token[keyof Token]>().toEqualTypeOf<string | number | undefined>()
  class Elsewhere extends OAuth2Session {
    protected override async refreshTokens(): Promise<Token> {
      return super.refreshTokens()
    }
  }
  expectTypeOf<Elsewhere>().toExtend<OAuth2Session>()
  expectTypeOf<OAuth2Session['token']>().toEqualTypeOf<Token>()
})

test('the window of a browser is one that an app may put a bridge into', () => {
  expectTypeOf<Record<never, never>>().toExtend<ExternalWindow>()
})
