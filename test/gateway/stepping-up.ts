/** Proving on an open socket to be there, and something sensitive to try it on. */
import { expect } from 'vitest'
import { CLIENT_ID, USER } from '../rig.ts'
import { told } from './members.ts'
import type { Ask } from './people.ts'

export const MINUTE = 60_000
export const PROVIDER = 'config/auth_provider/homeassistant'
/** Whom to prove it to. */
export const HANDLER = { handler: ['homeassistant', null] }
/** The end of a step-up. */
export const PROVED = { type: 'create_entry', handler: ['homeassistant', null], result: { expires_in: 300 } }

export interface Step {
  readonly type: string
  readonly flow_id: string
  readonly errors?: { readonly base?: string }
}

/** Says that its client can step up. */
export const offer = (ask: Ask) => told(ask, 'supported_features', { features: { step_up: 1 } })

/** Resolves to the form. */
export const begin = (ask: Ask) => told(ask, 'auth/step_up', HANDLER) as Promise<Step>

/** Fills in the form. */
export const prove = (ask: Ask, flow_id: string, password = USER.password, username = USER.username) =>
  told(ask, 'auth/step_up/step', { flow_id, user_input: { username, password } })

export const stepUp = async (ask: Ask) => prove(ask, (await begin(ask)).flow_id)

/** Something sensitive that can be done again and again: whether it was. */
export const mayBeSensitive = async (ask: Ask): Promise<boolean> => {
  const change = { current_password: USER.password, new_password: 'short' }
  const outcome = await told(ask, `${PROVIDER}/change_password`, change)
  expect(['home_assistant_error', 'step_up_required']).toContain(outcome)
  // The password is too weak to be set, which is judged last.
  return outcome === 'home_assistant_error'
}

/** Logs in on the socket itself. */
export const logInOn = async (ask: Ask): Promise<void> => {
  const { flow_id } = (await told(ask, 'auth/login_flow', { client_id: CLIENT_ID, ...HANDLER })) as Step
  const input = { username: USER.username, password: USER.password }
  const { result: code } = (await told(ask, 'auth/login_flow/step', { flow_id, user_input: input })) as {
    result: string
  }
  const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, authenticate: true }
  expect(await told(ask, 'auth/token', fields)).toMatchObject({ token_type: 'Bearer' })
}
