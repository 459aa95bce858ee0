/** People in groups, and what they ask. */
import {
  authenticated,
  CLIENT_ID,
  exchange,
  logIn,
  type RawSocket,
  REDIRECT_URI,
  type Rig,
  type RigSettings,
  rig,
  session,
} from '../rig.ts'
import { type Ask, asker, makeUser } from './people.ts'

export interface Wire {
  readonly id: string
  readonly name: string
  readonly policy: object
  readonly system_generated: boolean
}

/** What a command answers: its result, or its error's code. */
export const told = async (ask: Ask, type: string, fields: object = {}): Promise<unknown> => {
  const answer = (await ask(type, fields)) as { result?: unknown; error?: { code: string } }
  return answer.error?.code ?? answer.result
}

export const TOPICS: RigSettings = { 'policy.categories': 'topics, documents' }

export const begin = async (start: (settings: RigSettings) => Promise<Rig> = rig, settings: RigSettings = TOPICS) => {
  const gateway = await start(settings)
  const { url } = gateway
  const owner = asker(await authenticated(url, (await session(url)).access_token))
  const create = async (name: string, policy: object): Promise<Wire> =>
    ((await told(owner, 'config/auth/groups/create', { name, policy })) as { group: Wire }).group
  return { gateway, owner, create }
}

/** A socket of somebody who is a user. */
export const enter = async ({ url }: Pick<Rig, 'url'>, username: string): Promise<RawSocket> => {
  const code = await logIn(url, CLIENT_ID, REDIRECT_URI, { name: username, username, password: 'a long password' })
  return authenticated(url, (await exchange(url, code)).access_token)
}

/** A user in these groups, with a socket. */
export const admit = async (gateway: Pick<Rig, 'url'>, owner: Ask, name: string, group_ids: readonly string[]) => {
  const id = await makeUser(owner, name, 'a long password')
  const put = (ids: readonly string[]) => told(owner, 'config/auth/update', { user_id: id, group_ids: ids })
  await put(group_ids)
  const raw = await enter(gateway, name)
  const ask = asker(raw)
  const may = (category: string, object: string, key: string) => told(ask, 'auth/check', { category, object, key })
  return { id, raw, ask, put, may }
}
