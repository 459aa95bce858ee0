/** The steps of a login as they are answered, whatever way they go out. */
import type { AbortStep, DoneStep, FormStep, Handler } from '../protocol/http.ts'
import type { Flow } from '../store/model.ts'
import type { AuthProvider } from './provider.ts'

/** The provider that a flow is about, as steps name it. */
export const handlerOf = (flow: Flow): Handler => [flow.providerType, flow.providerId]

/** A form to fill in; `errors` says what was wrong with the input before. */
export const form = (
  flow: Flow,
  provider: Pick<AuthProvider, 'fields' | 'stepId'>,
  errors: Readonly<Record<string, string>>,
): FormStep => ({
  type: 'form',
  flow_id: flow.id,
  handler: handlerOf(flow),
  data_schema: provider.fields,
  errors,
  description_placeholders: null,
  last_step: null,
  preview: null,
  step_id: provider.stepId,
})

/** The form of somebody who waits: nothing is to be filled in. */
export const pendingForm = (flow: Flow, errors: Readonly<Record<string, string>>): FormStep =>
  form(flow, { fields: [], stepId: 'pending' }, errors)

type AbortReason =
  | 'login_expired'
  /** An administrator said no, or removed the user. */
  | 'rejected'
  /** Nobody decided in time. */
  | 'approval_expired'
  /** No more may wait. */
  | 'not_allowed'

/** The flow is over, and nobody is in by it. */
export const aborted = (flow: Flow, reason: AbortReason): AbortStep => ({
  type: 'abort',
  flow_id: flow.id,
  handler: handlerOf(flow),
  reason,
  description_placeholders: null,
})

/** The login is over, and this is its code. */
export const done = (flow: Flow, code: string): DoneStep => ({
  type: 'create_entry',
  flow_id: flow.id,
  handler: handlerOf(flow),
  description: null,
  description_placeholders: null,
  result: code,
})
