/** The forms and JSON bodies of the HTTP endpoints, and the shapes of their answers. */
import { z } from 'zod'

/** `POST /auth/login_flow`. */
export const startFlow = z.strictObject({
  client_id: z.string(),
  handler: z.tuple([z.string().nullable(), z.string().nullable()]),
  redirect_uri: z.string(),
  type: z.string().optional(),
  code_challenge: z.string().optional(),
  code_challenge_method: z.string().optional(),
})

export type StartFlow = z.output<typeof startFlow>

/** `POST /auth/login_flow/{flow_id}`: `client_id`, and the fields of the step that the flow is at. */
export const stepFlow = z.looseObject({ client_id: z.string() })

/** `POST /api/onboarding/users`. */
export const createOwner = z.strictObject({
  client_id: z.string(),
  language: z.string(),
  name: z.string(),
  password: z.string(),
  username: z.string(),
  setup_code: z.string().optional(),
})

/** One field of a form, for a client to draw. */
export interface FormField {
  readonly type: 'string'
  readonly name: string
  readonly required: true
}

/** The handler of a flow: provider type and provider id. */
export type Handler = readonly [string, string | null]

/** A form to fill in. `step_id` is the last key, as in Home Assistant's answers. */
export interface FormStep {
  readonly type: 'form'
  readonly flow_id: string
  readonly handler: Handler
  readonly data_schema: readonly FormField[]
  readonly errors: Readonly<Record<string, string>>
  readonly description_placeholders: null
  readonly last_step: null
  readonly preview: null
  readonly step_id: string
}

/** The flow is over without a login. */
export interface AbortStep {
  readonly type: 'abort'
  readonly flow_id: string
  readonly handler: Handler
  readonly reason: string
  readonly description_placeholders: null
}

/** The flow is over; `result` is the authorization code. */
export interface DoneStep {
  readonly type: 'create_entry'
  readonly flow_id: string
  readonly handler: Handler
  readonly description: null
  readonly description_placeholders: null
  readonly result: string
}

export type FlowStep = FormStep | AbortStep | DoneStep

/** Answer to a code exchange (RFC 6749 section 5.1); a refresh has no `refresh_token` and no `ha_auth_provider`. */
export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly refresh_token?: string
  /** Of a refresh token that rotates. */
  readonly generation?: number
  /** Seconds. */
  readonly expires_in: number
  readonly ha_auth_provider?: string
}
