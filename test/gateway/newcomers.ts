/** People whom nobody knows, what they are told while they wait, and who decides. */
import { expect, vi } from 'vitest'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import { authenticated, CLIENT_ID, post, type Rig, type RigSettings, rig, session } from '../rig.ts'
import { type Ask, asker, enter, flow, read } from './people.ts'

export const PASSWORD = 'a new password'
export const MINUTE = 60_000
export const DAY = 86_400_000

/** A password that nobody has yet, as `latchkey credential add` makes it. */
export const addCredential = async (gateway: Rig, username: string): Promise<void> => {
  const { control } = DataDir.at(gateway.dataDir)
  expect(await askControl(control, 'credential.add', { username, password: PASSWORD })).toEqual({ result: null })
}

export const withOwner = async (settings: RigSettings = {}) => {
  const gateway = await rig(settings)
  const raw = await authenticated(gateway.url, (await session(gateway.url)).access_token)
  return { gateway, owner: asker(raw), next: () => raw.next() }
}

export const HANDLER = ['homeassistant', null]
export const pendingForm = (flow_id: string, errors = {}) => ({
  type: 'form',
  flow_id,
  handler: HANDLER,
  data_schema: [],
  errors,
  description_placeholders: null,
  last_step: null,
  preview: null,
  step_id: 'pending',
})

export const abort = (flow_id: string, reason: string) => ({
  type: 'abort',
  flow_id,
  handler: HANDLER,
  reason,
  description_placeholders: null,
})

/** Sends the form that waits once more. */
export const again = (gateway: Rig, flowId: string, headers: Record<string, string> = {}): Promise<Response> =>
  post(`${gateway.url}/auth/login_flow/${flowId}`, { client_id: CLIENT_ID }, headers)

/** A request that is kept open: it has been looked at twice, and is not answered. */
export const keep = async (gateway: Rig, flowId: string, prefer = 'wait=15') => {
  const looks = () => gateway.logged.filter(({ msg }) => msg === 'login waits for approval').length
  const before = looks()
  const began = Date.now()
  const answer = again(gateway, flowId, { prefer }).then((response) => {
    // Nobody waited for its fifteen seconds to pass.
    expect(Date.now() - began).toBeLessThan(10_000)
    return response
  })
  await vi.waitFor(() => expect(looks()).toBe(before + 2))
  return { answer }
}

/** What a new login leads to. */
export const enterAnew = async (gateway: Rig, username: string): Promise<unknown> =>
  (await read(await enter(gateway.url, await flow(gateway.url), username, PASSWORD))).body

export interface Step {
  readonly type: string
  readonly flow_id: string
}

export interface Listed {
  readonly id: string
  readonly username: string
  readonly approval?: string
}
export const listed = async (owner: Ask, username: string): Promise<Listed> => {
  const { result } = (await owner('config/auth/list')) as { result: Listed[] }
  return result.find((user) => user.username === username)!
}

/** Waits until the sweep has removed a user; it comes once a minute, when the clock has stood for ten. */
export const forgotten = async (gateway: Rig, username: string): Promise<void> => {
  const { control } = DataDir.at(gateway.dataDir)
  await vi.waitFor(async () => {
    gateway.clock.move(MINUTE)
    const { result } = (await askControl(control, 'user.list', {}))!
    expect(result.map((user) => user.username)).not.toContain(username)
  })
}
