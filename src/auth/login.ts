/**
 * Logging in: a small record that is kept between the steps, and a step from (record, input) to what comes next. Nothing
 * waits in memory, and of two inputs at once one wins.
 */
import type { Clock } from '../clock.ts'
import type { AbortStep, DoneStep, FlowStep, FormStep, Handler } from '../protocol/http.ts'
import type { Flow, FlowId, Purpose } from '../store/model.ts'
import type { FlowCaps, Store } from '../store/store.ts'
import { type AccessRefusal, refuseAccess } from './access.ts'
import { networksOf } from './address.ts'
import { isClientId, isRedirectUri, type MayRedirect } from './clients.ts'
import { CODE_CHALLENGE, makeCode } from './codes.ts'
import type { AuthProvider } from './provider.ts'
import { newId } from './secrets.ts'

export interface LoginOptions {
  readonly flowLifetimeMs: number
  readonly codeLifetimeMs: number
  readonly caps: FlowCaps
  readonly mayRedirect: MayRedirect
}

export interface StartRequest {
  readonly clientId: string
  readonly redirectUri: string
  /** Provider type and id. */
  readonly handler: readonly [string | null, string | null]
  readonly challenge: string | null
  readonly purpose: Purpose
  readonly address: string
}

/** Why a login does not go on. `blocked` comes with its reason. */
export type LoginRefusal =
  | 'invalid_client'
  | 'invalid_redirect'
  | 'invalid_challenge'
  | 'invalid_handler'
  | 'too_many_flows'
  | 'unknown_flow'
  | 'address_changed'
  | 'malformed_input'
  | 'conflict'

export type LoginOutcome =
  | { readonly step: FlowStep }
  | { readonly refused: LoginRefusal }
  | { readonly blocked: AccessRefusal }

export interface LoginRules {
  readonly providers: readonly AuthProvider[]
  start(request: StartRequest): Promise<LoginOutcome>
  step(id: FlowId, clientId: string, address: string, input: Readonly<Record<string, unknown>>): Promise<LoginOutcome>
  /** False: there was no such flow. */
  abort(id: FlowId): Promise<boolean>
}

const handlerOf = (flow: Flow): Handler => [flow.providerType, flow.providerId]

const form = (flow: Flow, provider: AuthProvider, errors: Readonly<Record<string, string>>): FormStep => ({
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

const expired = (flow: Flow): AbortStep => ({
  type: 'abort',
  flow_id: flow.id,
  handler: handlerOf(flow),
  reason: 'login_expired',
  description_placeholders: null,
})

const done = (flow: Flow, code: string): DoneStep => ({
  type: 'create_entry',
  flow_id: flow.id,
  handler: handlerOf(flow),
  description: null,
  description_placeholders: null,
  result: code,
})

export const createLogin = (
  store: Store,
  providers: readonly AuthProvider[],
  clock: Clock,
  options: LoginOptions,
): LoginRules => {
  const providerOf = (type: string | null, id: string | null): AuthProvider | undefined =>
    providers.find((provider) => provider.type === type && provider.id === id)

  /** The password was right: whose it is, whether they may in, and where to. */
  const finish = async (flow: Flow, subject: string): Promise<LoginOutcome> => {
    const found = await store.users.byCredential(flow.providerType, flow.providerId, subject)
    // The flow is over in each of these cases: the person starts anew, and nothing can be tried out on it.
    const end = async (outcome: LoginOutcome): Promise<LoginOutcome> =>
      (await store.flows.finish(flow, null)) ? outcome : { refused: 'conflict' }

    if (!(await options.mayRedirect(flow.clientId, flow.redirectUri))) return end({ refused: 'invalid_redirect' })
    if (found === null) return end({ blocked: 'User is not active' })
    const refused = refuseAccess(found.user, flow.address)
    if (refused !== null) return end({ blocked: refused })

    const { code, kept } = makeCode(
      {
        clientId: flow.clientId,
        credentialId: found.credential.id,
        userId: found.user.id,
        redirectUri: flow.redirectUri,
        challenge: flow.challenge,
        purpose: flow.purpose,
      },
      options.codeLifetimeMs,
      clock.now(),
    )
    return (await store.flows.finish(flow, kept)) ? { step: done(flow, code) } : { refused: 'conflict' }
  }

  return {
    providers,

    start: async ({ clientId, redirectUri, handler, challenge, purpose, address }) => {
      if (!isClientId(clientId)) return { refused: 'invalid_client' }
      if (!isRedirectUri(redirectUri)) return { refused: 'invalid_redirect' }
      if (challenge !== null && !CODE_CHALLENGE.test(challenge)) return { refused: 'invalid_challenge' }
      const provider = providerOf(handler[0], handler[1])
      if (provider === undefined) return { refused: 'invalid_handler' }
      const now = clock.now()
      const flow: Flow = {
        id: newId<FlowId>(),
        version: 0,
        address,
        network: networksOf(address)[0] ?? address,
        clientId,
        redirectUri,
        providerType: provider.type,
        providerId: provider.id,
        challenge,
        purpose,
        expiresAt: now + options.flowLifetimeMs,
      }
      if ((await store.flows.put(flow, options.caps, now)) === 'full') return { refused: 'too_many_flows' }
      return { step: form(flow, provider, {}) }
    },

    step: async (id, clientId, address, input) => {
      if (!isClientId(clientId)) return { refused: 'invalid_client' }
      const flow = await store.flows.get(id)
      if (flow === null) return { refused: 'unknown_flow' }
      if (flow.address !== address) return { refused: 'address_changed' }
      if (flow.clientId !== clientId) return { refused: 'invalid_client' }
      if (clock.now() >= flow.expiresAt) return { step: expired(flow) }
      const provider = providerOf(flow.providerType, flow.providerId)
      if (provider === undefined) return { refused: 'unknown_flow' }

      const verdict = await provider.login(input, flow.address)
      switch (verdict.kind) {
        case 'malformed':
          return { refused: 'malformed_input' }
        case 'identity':
          return finish(flow, verdict.subject)
        case 'refused': {
          // The version rises with a wrong password too: of inputs sent at once only one learns anything.
          const next = { ...flow, version: flow.version + 1 }
          if (!(await store.flows.replace(next))) return { refused: 'conflict' }
          return { step: form(next, provider, { base: verdict.error }) }
        }
      }
    },

    abort: (id) => store.flows.remove(id),
  }
}
