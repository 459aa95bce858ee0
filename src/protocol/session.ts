/** The commands that get a socket authenticated, or renew it: what `/auth` is over HTTP, on the socket itself. */
import { z } from 'zod'
import { command, optional } from './command.ts'

const handler = z.tuple([z.string(), z.string().nullable()]).readonly()

/** The steps of a login, as over HTTP, up to its end. */
export const formStep = z.strictObject({
  type: z.literal('form'),
  flow_id: z.string(),
  handler,
  data_schema: z
    .array(z.strictObject({ type: z.literal('string'), name: z.string(), required: z.literal(true) }))
    .readonly(),
  errors: z.record(z.string(), z.string()),
  description_placeholders: z.null(),
  last_step: z.null(),
  preview: z.null(),
  step_id: z.string(),
})

export const abortStep = z.strictObject({
  type: z.literal('abort'),
  flow_id: z.string(),
  handler,
  reason: z.string(),
  description_placeholders: z.null(),
})

/** The end of a login, with what it gives. */
export const doneStep = <R extends z.ZodType>(result: R) =>
  z.strictObject({
    type: z.literal('create_entry'),
    flow_id: z.string(),
    handler,
    description: z.null(),
    description_placeholders: z.null(),
    result,
  })

const flowStep = z.discriminatedUnion('type', [formStep, abortStep, doneStep(z.string())])

export const session = {
  'auth/providers': command({
    doc: 'List the ways to log in.',
    needs: 'anyone',
    input: {},
    result: z.strictObject({
      providers: z.array(z.strictObject({ name: z.string(), id: z.string().nullable(), type: z.string() })),
      preselect_remember_me: z.boolean(),
    }),
    errors: ['onboarding_required'],
  }),

  'auth/login_flow': command({
    doc: 'Begin a login on this socket, which then has until the end of that login to authenticate.',
    needs: 'anyone',
    input: {
      client_id: z.string(),
      handler: z.tuple([z.string().nullable(), z.string().nullable()]),
      redirect_uri: optional(z.string()),
      purpose: optional(z.string()),
      code_challenge: optional(z.string()),
      code_challenge_method: optional(z.string()),
    },
    result: flowStep,
    errors: ['unauthorized', 'not_found', 'not_allowed'],
  }),

  'auth/login_flow/step': command({
    doc: 'Send the fields of a login’s step. A finished login answers with the authorization code.',
    needs: 'anyone',
    input: { flow_id: z.string(), client_id: optional(z.string()), user_input: z.record(z.string(), z.unknown()) },
    result: flowStep,
    errors: ['unauthorized', 'not_found', 'not_allowed', 'overloaded'],
  }),

  'auth/login_flow/abort': command({
    doc: 'Give up a login that was begun on this socket.',
    needs: 'anyone',
    input: { flow_id: z.string() },
    result: z.null(),
    errors: ['unauthorized', 'not_found'],
  }),

  'auth/token': command({
    doc: 'Get tokens for a code or a refresh token. With `authenticate` the socket becomes that session’s: before authentication `auth_ok` follows the answer, after it the socket is renewed in place.',
    needs: 'anyone',
    input: {
      grant_type: z.string(),
      client_id: optional(z.string()),
      code: optional(z.string()),
      redirect_uri: optional(z.string()),
      code_verifier: optional(z.string()),
      refresh_token: optional(z.string()),
      rotate: optional(z.boolean()),
      attempt: optional(z.string()),
      authenticate: optional(z.boolean()),
    },
    result: z.strictObject({
      access_token: z.string(),
      token_type: z.literal('Bearer'),
      refresh_token: z.string().optional(),
      generation: z.int().optional(),
      expires_in: z.number(),
      ha_auth_provider: z.string().optional(),
    }),
    errors: ['invalid_request', 'invalid_grant', 'unsupported_grant_type', 'access_denied', 'identity_mismatch'],
    // A code or a refresh token that was used before ends its session.
    endsSelf: true,
  }),

  'auth/revoke': command({
    doc: 'End the session of a refresh token or of a good access token; anything else is passed over.',
    needs: 'anyone',
    input: { token: z.string() },
    result: z.null(),
    errors: [],
    endsSelf: true,
  }),

  'auth/renew': command({
    doc: 'Go on with another access token of the same user: rights are read anew, and the socket lives and dies with that token’s session.',
    needs: 'user',
    input: { access_token: z.string() },
    result: z.strictObject({ expires_in: z.number() }),
    errors: ['invalid_access_token', 'identity_mismatch'],
  }),
} as const

export type SessionCommands = typeof session
