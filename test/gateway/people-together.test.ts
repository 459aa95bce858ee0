/** Two tabs, a phone, an administrator and a newcomer in one story: everybody hears what concerns them, in order, and no more. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import {
  authenticated,
  CLIENT_ID,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  postForm,
  type RawSocket,
  REDIRECT_URI,
  type Rig,
  rawSocket,
  session,
  type Tokens,
} from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { TOPICS } from './members.ts'
import { addCredential, HANDLER, PASSWORD } from './newcomers.ts'
import { makeUser } from './people.ts'

afterEach(closeRigs)

const BOB = { name: 'bob', username: 'bob', password: 'a long password' }
const OTHER_CLIENT = 'https://b.example/'

interface Heard {
  readonly [subscription: string]: unknown
}

/** Somebody at a socket: what is asked is answered, and everything else that comes is noted in its order. */
interface Actor {
  /** Resolves to the result, or the error's code. */
  ask<T = unknown>(type: string, fields?: object): Promise<T>
  /** What was heard since this was asked before, by the name of the subscription, without instants. */
  heard(): Promise<readonly Heard[]>
  /** The next that is heard, as soon as it is. */
  next(): Promise<Heard>
  /** The code of its end, and what was heard before. */
  ended(): Promise<{ readonly code: number; readonly heard: readonly Heard[] }>
}

interface Message {
  readonly id: number
  readonly type: string
  readonly result?: unknown
  readonly error?: { readonly code: string }
  readonly event?: Readonly<Record<string, unknown>>
}

/** An event without what differs from run to run. */
const bare = ({ at: _, time_fired, context, origin, ...event }: Readonly<Record<string, unknown>>): unknown => event

const actor = (raw: RawSocket): Actor => {
  const names = new Map<number, string>()
  const notes: Heard[] = []
  let lastId = 0
  const take = (): readonly Heard[] => notes.splice(0)
  const note = ({ id, type, event }: Message): void => {
    notes.push({ [names.get(id) ?? type]: event === undefined ? null : bare(event) })
  }
  const ask = async <T>(type: string, fields: object = {}): Promise<T> => {
    const id = ++lastId
    names.set(id, type)
    raw.send({ ...fields, id, type })
    for (;;) {
      const message = (await raw.next()) as Message
      if (message.id === id && message.type !== 'event') return (message.error?.code ?? message.result) as T
      note(message)
    }
  }
  return {
    ask,
    heard: async () => {
      // Whatever was told before this was sent has come when it is answered.
      await ask('ping')
      return take()
    },
    next: async () => {
      while (notes.length === 0) note((await raw.next()) as Message)
      return notes.shift()!
    },
    ended: async () => {
      const { code } = await raw.closed
      // What came before the end has been heard by then.
      for (;;) {
        const message = await raw.next().catch(() => null)
        if (message === null) return { code, heard: take() }
        note(message as Message)
      }
    },
  }
}

const loginOf = async (url: string, client = CLIENT_ID, redirect = REDIRECT_URI): Promise<string> =>
  logIn(url, client, redirect, BOB)

const refreshed = async ({ url }: Rig, { refresh_token }: Tokens): Promise<string> => {
  const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token }
  return ((await (await postForm(`${url}/auth/token`, fields)).json()) as Tokens).access_token
}

describeTransports('people together', (start) => {
  test('hear of log-ins, approval, groups, renewal and log-outs what concerns them, in that order, and nothing else', async () => {
    const gateway = await start(TOPICS)
    const { url } = gateway
    const owner = actor(await authenticated(url, (await session(url)).access_token))
    const bobId = await makeUser(
      async (type, fields) => ({ result: await owner.ask(type, fields) }),
      'bob',
      BOB.password,
    )
    await addCredential(gateway, 'eve')

    // A browser with two tabs, and a phone that needs no HTTP.
    const tokens = await exchange(url, await loginOf(url))
    const [left, right] = [
      actor(await authenticated(url, tokens.access_token)),
      actor(await authenticated(url, tokens.access_token)),
    ]
    const phoneSocket = rawSocket(url)
    await phoneSocket.next()
    const phone = actor(phoneSocket)
    const code = await loginOf(url)
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, rotate: true, authenticate: true }
    const phoneTokens = await phone.ask<Tokens & { generation: number }>('auth/token', fields)
    expect(phoneTokens.generation).toBe(0)
    expect(await phone.heard()).toEqual([{ auth_ok: null }])
    const [mine, its] = [grantOf(tokens.access_token), grantOf(phoneTokens.access_token)]

    expect(await left.ask('auth/subscribe')).toEqual({ generation: null })
    expect(await right.ask('auth/subscribe')).toEqual({ generation: null })
    expect(await phone.ask('auth/subscribe')).toEqual({ generation: 0 })
    expect(await owner.ask('config/auth/subscribe')).toBe(null)
    expect(await owner.ask('subscribe_events')).toBe(null)
    expect(await owner.ask('auth/subscribe')).toEqual({ generation: null })
    expect(await left.ask('config/auth/subscribe')).toBe('unauthorized')

    /** What each has heard since the last chapter. */
    const chapter = async (told: {
      tabs?: readonly object[]
      phone?: readonly object[]
      owner?: readonly object[]
    }) => {
      const own = (events: readonly object[] = []) => events.map((event) => ({ 'auth/subscribe': event }))
      expect(await left.heard()).toEqual(own(told.tabs))
      expect(await right.heard()).toEqual(own(told.tabs))
      expect(await phone.heard()).toEqual(own(told.phone))
      expect(await owner.heard()).toEqual(told.owner ?? [])
    }
    const all = (event: object) => ({ 'config/auth/subscribe': event })
    const bus = (event_type: string, user_id: string) => ({ subscribe_events: { event_type, data: { user_id } } })

    // Bob logs in once more, elsewhere.
    const third = await exchange(url, await loginOf(url, OTHER_CLIENT, `${OTHER_CLIENT}callback`), OTHER_CLIENT)
    const thirdId = grantOf(third.access_token)
    const added = { type: 'session_added', refresh_token_id: thirdId }
    await chapter({ tabs: [added], phone: [added], owner: [all({ ...added, user_id: bobId })] })

    // Whoever looks at the list is seen in it, and not heard of.
    interface Listed {
      readonly id: string
      readonly is_current: boolean
      readonly sockets: readonly unknown[]
    }
    const listed = async (who: Actor, type: string, more = {}) =>
      (await who.ask<{ items: Listed[] }>(type, more)).items.map(({ id, is_current, sockets }) => [
        id,
        is_current,
        sockets.length,
      ])
    const sorted = (rows: unknown[][]) => rows.sort(([a], [b]) => String(a).localeCompare(String(b)))
    const rows = (current: string | null) =>
      sorted([
        [mine, current === mine, 2],
        [its, current === its, 1],
        [thirdId, current === thirdId, 0],
      ])
    expect(sorted(await listed(left, 'auth/sessions'))).toEqual(rows(mine))
    expect(sorted(await listed(phone, 'auth/sessions'))).toEqual(rows(its))
    expect(sorted(await listed(owner, 'config/auth/sessions', { user_id: bobId }))).toEqual(rows(null))
    await chapter({})

    // Eve asks to be let in, and goes on at her socket when she is.
    const eveSocket = rawSocket(url)
    await eveSocket.next()
    const eve = actor(eveSocket)
    const { flow_id } = await eve.ask<{ flow_id: string }>('auth/login_flow', {
      client_id: CLIENT_ID,
      handler: HANDLER,
    })
    const user_input = { username: 'eve', password: PASSWORD }
    expect(await eve.ask('auth/login_flow/step', { flow_id, user_input })).toMatchObject({ step_id: 'pending' })
    const eveId = (await owner.ask<{ id: string; username: string }[]>('config/auth/list')).find(
      ({ username }) => username === 'eve',
    )!.id
    await chapter({
      owner: [
        bus('user_added', eveId),
        all({ type: 'user_added', user_id: eveId }),
        all({ type: 'approval_requested', user_id: eveId }),
      ],
    })
    expect(await eve.heard()).toEqual([])
    await owner.ask('config/auth/approve', { user_id: eveId })
    await chapter({ owner: [bus('user_updated', eveId), all({ type: 'user_updated', user_id: eveId })] })
    const entry = (await eve.next())['auth/login_flow/step'] as { type: string; result: string }
    expect(entry).toMatchObject({ type: 'create_entry', flow_id })
    const redeemed = { grant_type: 'authorization_code', client_id: CLIENT_ID, code: entry.result, authenticate: true }
    const eves = grantOf((await eve.ask<Tokens>('auth/token', redeemed)).access_token)
    expect(await eve.heard()).toEqual([{ auth_ok: null }])
    expect(await eve.ask('auth/subscribe')).toEqual({ generation: null })
    await chapter({ owner: [all({ type: 'session_added', refresh_token_id: eves, user_id: eveId })] })

    // Bob gets into a group, and its policy changes.
    const may = async () => {
      const asked = { category: 'topics', object: 'a', key: 'read' }
      return Promise.all([left, right, phone, eve].map((who) => who.ask('auth/check', asked)))
    }
    const { group } = await owner.ask<{ group: { id: string } }>('config/auth/groups/create', {
      name: 'Kitchen',
      policy: { topics: { a: true } },
    })
    await chapter({})
    expect(await may()).toEqual([false, false, false, false])
    await owner.ask('config/auth/update', { user_id: bobId, group_ids: [group.id] })
    const rights = (gained: object, lost: object) => ({ type: 'rights_changed', gained, lost })
    // What the group does not give is gone with the group of before.
    const into = [rights({ topics: { a: true } }, { entities: true }), { type: 'user_changed' }]
    const updated = [bus('user_updated', bobId), all({ type: 'user_updated', user_id: bobId })]
    await chapter({ tabs: into, phone: into, owner: updated })
    expect(await may()).toEqual([true, true, true, false])
    await owner.ask('config/auth/groups/update', { group_id: group.id, policy: {} })
    const out = [rights({}, { topics: { a: true } }), { type: 'user_changed' }]
    await chapter({ tabs: out, phone: out, owner: updated })
    expect(await may()).toEqual([false, false, false, false])

    // The phone refreshes over its socket, and a tab goes on with another token: nobody else notices.
    const attempt = randomBytes(16).toString('base64url')
    const refresh = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: phoneTokens.refresh_token }
    const next = await phone.ask<Tokens & { generation: number }>('auth/token', {
      ...refresh,
      attempt,
      authenticate: true,
    })
    expect(next).toMatchObject({ generation: 1 })
    expect(next.refresh_token).not.toBe(phoneTokens.refresh_token)
    const renewed = await left.ask('auth/renew', { access_token: await refreshed(gateway, tokens) })
    expect(renewed).toEqual({ expires_in: expect.any(Number) })
    await chapter({ phone: [{ type: 'rotated', generation: 1 }] })

    // A tab ends the session elsewhere, and then the phone's.
    const removed = (id: string) => ({ type: 'session_removed', refresh_token_id: id, reason: 'revoked' })
    expect(await left.ask('auth/revoke_session', { refresh_token_id: thirdId })).toMatchObject({ sockets_closed: 0 })
    await chapter({
      tabs: [removed(thirdId)],
      phone: [removed(thirdId)],
      owner: [all({ ...removed(thirdId), user_id: bobId })],
    })
    expect(await right.ask('auth/revoke_session', { refresh_token_id: its })).toMatchObject({ sockets_closed: 1 })
    expect(await phone.ended()).toEqual({ code: 4200, heard: [] })
    for (const tab of [left, right]) expect(await tab.heard()).toEqual([{ 'auth/subscribe': removed(its) }])
    expect(await owner.heard()).toEqual([all({ ...removed(its), user_id: bobId })])

    // Bob logs out everywhere: the other tab ends with it, and Eve stays.
    expect(await left.ask('auth/delete_all_refresh_tokens')).toEqual({})
    expect(await left.ended()).toEqual({ code: 4200, heard: [] })
    expect(await right.ended()).toEqual({ code: 4200, heard: [] })
    expect(await owner.heard()).toEqual([all({ ...removed(mine), user_id: bobId })])
    expect(await eve.heard()).toEqual([])

    // The administrator logs everybody out, and stays.
    expect(await owner.ask('config/auth/revoke', { all: true })).toMatchObject({ revoked: 1, sockets_closed: 1 })
    expect(await eve.ended()).toEqual({ code: 4200, heard: [] })
    expect(await owner.heard()).toEqual([all({ ...removed(eves), user_id: eveId })])
  })
})
