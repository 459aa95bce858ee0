/** More people than the owner, and what they do to log in. */
import { CLIENT_ID, post, type RawSocket, REDIRECT_URI } from '../rig.ts'

/** Sends a command under the next id and takes its answer. */
export const asker = (raw: RawSocket, lastId = 0) => {
  let id = lastId
  return async (type: string, fields: object = {}): Promise<unknown> => {
    raw.send({ ...fields, id: ++id, type })
    return raw.next()
  }
}

export type Ask = ReturnType<typeof asker>

/** Makes a user with a password; resolves to the id. */
export const makeUser = async (ask: Ask, username: string, password: string): Promise<string> => {
  const { result } = (await ask('config/auth/create', { name: username, group_ids: ['system-users'] })) as {
    result: { user: { id: string } }
  }
  await ask('config/auth_provider/homeassistant/create', { user_id: result.user.id, username, password })
  return result.user.id
}

export const startFlow = (url: string, fields: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  post(
    `${url}/auth/login_flow`,
    { client_id: CLIENT_ID, handler: ['homeassistant', null], redirect_uri: REDIRECT_URI, ...fields },
    headers,
  )

/** Resolves to the flow's id. */
export const flow = async (url: string, headers: Record<string, string> = {}): Promise<string> =>
  ((await (await startFlow(url, {}, headers)).json()) as { flow_id: string }).flow_id

/** Sends user name and password to a flow. */
export const enter = (
  url: string,
  flowId: string,
  username: string,
  password: string,
  headers: Record<string, string> = {},
): Promise<Response> => post(`${url}/auth/login_flow/${flowId}`, { client_id: CLIENT_ID, username, password }, headers)

/** Status and body, for one comparison. */
export const read = async (response: Response): Promise<{ status: number; body: unknown }> => {
  const text = await response.text()
  return { status: response.status, body: text === '' ? '' : JSON.parse(text) }
}
