/**
 * Logging in: a small record that is kept between the steps, and a step from (record, input) to what comes next. Nothing
 * waits in memory, and of two inputs at once one wins.
 */
import type { Clock } from '../clock.ts'
import type { AbortStep, DoneStep, FlowStep, FormStep, Handler } from '../protocol/http.ts'
import type { CredentialId, Flow, FlowId, Purpose, User, UserId } from '../store/model.ts'
import type { FlowCaps, Store } from '../store/store.ts'
import { type AccessRefusal, refuseAccess } from './access.ts'
import { networksOf } from './address.ts'
import { isClientId, isRedirectUri, type MayRedirect } from './clients.ts'
import { CODE_CHALLENGE, makeCode } from './codes.ts'
import type { AuthProvider, Verdict } from './provider.ts'
import { newId } from './secrets.ts'

export interface LoginOptions {
  readonly flowLifetimeMs: number
  readonly codeLifetimeMs: number
  readonly caps: FlowCaps
  readonly mayRedirect: MayRedirect
  readonly newUsers: NewUsers
}

/** What becomes of somebody who logs in with a credential that no user has. */
export interface NewUsers {
  /** `pending`: an administrator has to let them in. */
  readonly begin: 'pending' | 'active'
  /** As many may wait. */
  readonly pending: number
  /** For so long; who was turned away is known for so long, too. */
  readonly pendingMs: number
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
  /** `waitsFor`: the login goes on when it is decided about this user. */
  | { readonly step: FlowStep; readonly waitsFor?: UserId }
  | { readonly refused: LoginRefusal }
  | { readonly blocked: AccessRefusal }

export interface LoginRules {
  readonly providers: readonly AuthProvider[]
  start(request: StartRequest): Promise<LoginOutcome>
  step(id: FlowId, clientId: string, address: string, input: Readonly<Record<string, unknown>>): Promise<LoginOutcome>
  /** False: there was no such flow. */
  abort(id: FlowId): Promise<boolean>
}

type Identity = Extract<Verdict, { kind: 'identity' }>

const handlerOf = (flow: Flow): Handler => [flow.providerType, flow.providerId]

const form = (
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

/** Nothing is to be filled in: the person waits. */
const pendingForm = (flow: Flow, errors: Readonly<Record<string, string>>): FormStep =>
  form(flow, { fields: [], stepId: 'pending' }, errors)

type AbortReason =
  | 'login_expired'
  /** An administrator said no, or removed the user. */
  | 'rejected'
  /** Nobody decided in time. */
  | 'approval_expired'
  /** No more may wait. */
  | 'not_allowed'

const aborted = (flow: Flow, reason: AbortReason): AbortStep => ({
  type: 'abort',
  flow_id: flow.id,
  handler: handlerOf(flow),
  reason,
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

  // The flow is over where this is called: the person starts anew, and nothing can be tried out on it.
  const end = async (flow: Flow, outcome: LoginOutcome): Promise<LoginOutcome> =>
    (await store.flows.finish(flow, null)) ? outcome : { refused: 'conflict' }

  /** The user of somebody who was never here. */
  const enroll = (flow: Flow, { subject, name }: Identity) => {
    const { begin, pending, pendingMs } = options.newUsers
    const user: User = {
      id: newId<UserId>(),
      name,
      isOwner: false,
      isActive: begin === 'active',
      localOnly: false,
      systemGenerated: false,
      groups: ['system-users'],
      ...(begin === 'active' ? {} : { approval: { state: 'pending', until: clock.now() + pendingMs } }),
    }
    const { providerType, providerId } = flow
    const credential = { id: newId<CredentialId>(), userId: user.id, providerType, providerId, subject }
    return store.users.enroll(user, credential, pending)
  }

  /** The password was right: whose it is, whether they may in, and where to. */
  const finish = async (flow: Flow, identity: Identity): Promise<LoginOutcome> => {
    if (!(await options.mayRedirect(flow.clientId, flow.redirectUri))) return end(flow, { refused: 'invalid_redirect' })
    const known = await store.users.byCredential(flow.providerType, flow.providerId, identity.subject)
    // A credential that is to be linked gets its user by that.
    if (known === null && flow.purpose === 'link') return end(flow, { blocked: 'User is not active' })
    const found = known ?? (await enroll(flow, identity))
    if (found === 'full') return end(flow, { step: aborted(flow, 'not_allowed') })
    if (found === 'no_owner') return end(flow, { blocked: 'User is not active' })
    const { approval, id } = found.user
    if (approval === undefined) return admit(flow, found.user, found.credential.id)
    if (approval.state === 'rejected') return end(flow, { step: aborted(flow, 'rejected') })
    const next = { ...flow, version: flow.version + 1, waitsFor: { user: id, until: approval.until } }
    if (!(await store.flows.replace(next))) return { refused: 'conflict' }
    return { step: pendingForm(next, {}), waitsFor: id }
  }

  /** The person is known, and had to wait: whether it was decided. */
  const resume = async (flow: Flow, { user: id, until }: NonNullable<Flow['waitsFor']>): Promise<LoginOutcome> => {
    const user = await store.users.byId(id)
    if (user === null) return end(flow, { step: aborted(flow, clock.now() < until ? 'rejected' : 'approval_expired') })
    if (user.approval?.state === 'pending') return { step: pendingForm(flow, { base: 'pending' }), waitsFor: id }
    if (user.approval !== undefined) return end(flow, { step: aborted(flow, 'rejected') })
    const credential = (await store.users.credentials(id)).find(
      ({ providerType, providerId }) => providerType === flow.providerType && providerId === flow.providerId,
    )
    if (credential === undefined) return end(flow, { blocked: 'User is not active' })
    return admit(flow, user, credential.id)
  }

  const admit = async (flow: Flow, user: User, credentialId: CredentialId): Promise<LoginOutcome> => {
    const refused = refuseAccess(user, flow.address)
    if (refused !== null) return end(flow, { blocked: refused })
    const { code, kept } = makeCode(
      {
        clientId: flow.clientId,
        credentialId,
        userId: user.id,
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
      if (clock.now() >= flow.expiresAt) return { step: aborted(flow, 'login_expired') }
      if (flow.waitsFor !== undefined) {
        return Object.keys(input).length === 0 ? resume(flow, flow.waitsFor) : { refused: 'malformed_input' }
      }
      const provider = providerOf(flow.providerType, flow.providerId)
      if (provider === undefined) return { refused: 'unknown_flow' }

      const verdict = await provider.login(input, flow.address)
      switch (verdict.kind) {
        case 'malformed':
          return { refused: 'malformed_input' }
        case 'identity':
          return finish(flow, verdict)
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
