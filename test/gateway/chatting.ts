/** An application for tests: topics to listen to, events of several kinds, and a note of everything that ended. */
import { expect, vi } from 'vitest'
import type { Brought } from '../../src/gateway/application.ts'
import type { HandlersOf } from '../../src/index.ts'
import { command, eventType, z } from '../../src/protocol/index.ts'
import { authenticated, type RawSocket, type Rig, session } from '../rig.ts'
import type { Start } from '../transports.ts'
import { admit, told } from './members.ts'
import { asker } from './people.ts'

const plain = { doc: 'For a test.', needs: 'user', result: z.null(), errors: [] } as const
const item = z.strictObject({ n: z.int() })

const commands = {
  'chat/listen': command({
    ...plain,
    input: { topic: z.string() },
    may: (user, { topic }) => user.permissions.check('topics', topic, 'read'),
    event: item,
  }),
  'chat/say': command({ ...plain, input: { topic: z.string(), n: z.int() } }),
  /** Has begun when the test says so. */
  'chat/late': command({
    ...plain,
    input: { topic: z.string(), early: z.int().default(0) },
    may: (user, { topic }) => user.permissions.check('topics', topic, 'read'),
    event: item,
  }),
  'chat/bare': command({ ...plain, input: {}, event: item }),
  'chat/numbered': command({ ...plain, input: { result: z.unknown() }, result: z.int(), event: item }),
  'chat/faulty': command({ ...plain, input: { how: z.enum(['throws', 'rejects']) }, event: item }),
  'chat/members': command({
    ...plain,
    input: {},
    may: (user) => members.has(user.name ?? ''),
    event: item,
  }),
}

/** Whom the application itself lets in. */
export const members = new Set<string>()

const events = {
  note: eventType({ doc: 'For all.', needs: 'user', data: z.object({ n: z.int() }) }),
  topical: eventType({
    doc: 'For whoever may read its topic.',
    needs: 'user',
    data: z.strictObject({ topic: z.string(), n: z.int() }),
    mayHear: (user, { topic }) => {
      if (topic === 'broken') throw new Error('a rule that fails')
      return user.permissions.check('topics', topic, 'read')
    },
  }),
  audit: eventType({ doc: 'For the owner.', needs: 'owner', data: z.strictObject({}) }),
  any: eventType({ doc: 'Anything.', needs: 'user', data: z.unknown() }),
}

export interface Chatting {
  readonly application: Brought
  /** What ended, as `listen ann a`. */
  readonly ended: string[]
  /** Ends the waiting of a `chat/late`. */
  readonly late: (() => void)[]
  /** Called when a `chat/listen` ends. */
  onEnd: () => void
}

export const chatting = (): Chatting => {
  const chat: Chatting = {
    ended: [],
    late: [],
    onEnd: () => undefined,
    get application() {
      return { commands, events, handlers }
    },
  }
  const handlers: HandlersOf<{ readonly commands: typeof commands; readonly events: typeof events }> = {
    'chat/listen': ({ user, emit }, { topic }) => {
      emit({ n: -1 })
      emit({ n: -2 })
      const { name } = user
      return {
        topic,
        stop: () => {
          chat.ended.push(`listen ${name} ${topic}`)
          chat.onEnd()
        },
      }
    },
    'chat/say': ({ publish }, { topic, n }) => publish('chat/listen', { n }, { topic }) as undefined,
    'chat/late': async ({ user, emit }, { topic, early }) => {
      for (let n = 0; n < early; n++) emit({ n })
      await new Promise<void>((resolve) => chat.late.push(resolve))
      return () => chat.ended.push(`late ${user.name} ${topic}`)
    },
    'chat/bare': () => undefined as never,
    'chat/numbered': (_, { result }) => ({ result: result as number, stop: () => chat.ended.push('numbered') }),
    'chat/faulty':
      (_, { how }) =>
      () => {
        chat.ended.push(how)
        if (how === 'throws') throw new Error('a stop that fails')
        return Promise.reject(new Error('a stop that fails'))
      },
    'chat/members': () => ({ stop: () => chat.ended.push('members') }),
  }
  return chat
}

/** A gateway with the application, its owner, and whom a test lets in. */
export const beginChat = async (start: Start, settings: Record<string, string> = {}) => {
  const chat = chatting()
  const gateway = await start({ 'policy.categories': 'topics', ...settings }, chat.application)
  const tokens = await session(gateway.url)
  const raw = await authenticated(gateway.url, tokens.access_token)
  const owner = asker(raw)
  const groupOf = async (name: string, policy: object): Promise<string> =>
    ((await told(owner, 'config/auth/groups/create', { name, policy })) as { group: { id: string } }).group.id
  return {
    chat,
    gateway,
    owner,
    raw,
    tokens,
    groupOf,
    admit: (name: string, groups: readonly string[]) => admit(gateway, owner, name, groups),
  }
}

interface Event {
  readonly id: number
  readonly event: { readonly n: number; readonly data: { readonly n: number } }
}

/** The `n` of the next event. */
export const heard = async (raw: RawSocket): Promise<number> => {
  const { event } = (await raw.next()) as Event
  return event.data?.n ?? event.n
}

/** Nothing has come that was not taken: what is asked now is answered next. */
export const expectQuiet = async (ask: ReturnType<typeof asker>): Promise<void> => {
  // What was published before was on its way before the ping came.
  expect(await ask('ping')).toMatchObject({ type: 'pong' })
}

/** Waits for so many lines of the log. */
export const logs = ({ logged }: Rig, msg: string, count: number): Promise<void> =>
  vi.waitFor(() => expect(logged.filter((line) => line['msg'] === msg)).toHaveLength(count))
