/**
 * Logging in: a small record that is kept between the steps, and a step from (record, input) to what comes next. Nothing
 * waits in memory, and of two inputs at once one wins.
 */
import type { Clock } from '../clock.ts'
import type { AbortStep, FlowStep, FormStep, Handler } from '../protocol/http.ts'
import type { CredentialId, Flow, FlowId, Purpose, User, UserId } from '../store/model.ts'
import type { FlowCaps, Store } from '../store/store.ts'
import { type AccessRefusal, refuseAccess } from './access.ts'
import { networksOf } from './address.ts'
import { isClientId, isRedirectUri, type MayRedirect } from './clients.ts'
import { CODE_CHALLENGE, makeCode } from './codes.ts'
import { aborted, done, form, handlerOf, pendingForm } from './login-steps.ts'
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

/** What comes of a step of a step-up: as at a login, but that its end gives no code. */
export type StepUpOutcome =
  | { readonly step: FormStep | AbortStep }
  | { readonly refused: LoginRefusal }
  | { readonly blocked: AccessRefusal }
  /** The user has proved to be there, to this handler. */
  | { readonly confirmed: Handler }
  /** Somebody else has proved to be there. */
  | { readonly refused: 'identity_mismatch' }

type FormOutcome = { readonly step: FormStep } | { readonly refused: LoginRefusal }

type Input = Readonly<Record<string, unknown>>

export interface LoginRules {
  readonly providers: readonly AuthProvider[]
  start(request: StartRequest): Promise<LoginOutcome>
  step(id: FlowId, clientId: string, address: string, input: Input): Promise<LoginOutcome>
  /** Begins a login by which somebody who is in proves once more to be there. `instead` of this flow, which is given up. */
  startStepUp(
    request: Pick<StartRequest, 'handler' | 'address'> & { readonly instead: FlowId | null },
  ): Promise<FormOutcome>
  /** `user`: who is in. To be called for the socket alone that began the flow. */
  stepUp(id: FlowId, user: UserId, address: string, input: Input): Promise<StepUpOutcome>
  /** False: there was no such flow. */
  abort(id: FlowId): Promise<boolean>
}

type Identity = Extract<Verdict, { kind: 'identity' }>

type LoginFlow = Flow & { readonly purpose: Purpose }

const isLogin = (flow: Flow): flow is LoginFlow => flow.purpose !== 'step_up'

export const createLogin = (
  store: Store,
  providers: readonly AuthProvider[],
  clock: Clock,
  options: LoginOptions,
): LoginRules => {
  const providerOf = (type: string | null, id: string | null): AuthProvider | undefined =>
    providers.find((provider) => provider.type === type && provider.id === id)

  // The flow is over where this is called: the person starts anew, and nothing can be tried out on it.
  const end = async <T>(flow: Flow, outcome: T): Promise<T | { readonly refused: 'conflict' }> =>
    (await store.flows.finish(flow, null)) ? outcome : { refused: 'conflict' }

  const open = async (
    request: Pick<Flow, 'clientId' | 'redirectUri' | 'challenge' | 'purpose' | 'address'>,
    [type, providerId]: StartRequest['handler'],
    instead: FlowId | null,
  ): Promise<FormOutcome> => {
    const provider = providerOf(type, providerId)
    if (provider === undefined) return { refused: 'invalid_handler' }
    if (instead !== null) await store.flows.remove(instead)
    const now = clock.now()
    const flow: Flow = {
      ...request,
      id: newId<FlowId>(),
      version: 0,
      network: networksOf(request.address)[0] ?? request.address,
      providerType: provider.type,
      providerId: provider.id,
      expiresAt: now + options.flowLifetimeMs,
    }
    if ((await store.flows.put(flow, options.caps, now)) === 'full') return { refused: 'too_many_flows' }
    return { step: form(flow, provider, {}) }
  }

  /** Judges what was typed. `reach`: what becomes of somebody who is known by it; every factor has been asked for by then. */
  const judge = async <T>(
    flow: Flow,
    input: Input,
    reach: (identity: Identity) => Promise<T>,
  ): Promise<T | FormOutcome> => {
    const provider = providerOf(flow.providerType, flow.providerId)
    if (provider === undefined) return { refused: 'unknown_flow' }
    const verdict = await provider.login(input, flow.address)
    switch (verdict.kind) {
      case 'malformed':
        return { refused: 'malformed_input' }
      case 'identity':
        return reach(verdict)
      case 'refused': {
        // The version rises with a wrong password too: of inputs sent at once only one learns anything.
        const next = { ...flow, version: flow.version + 1 }
        if (!(await store.flows.replace(next))) return { refused: 'conflict' }
        return { step: form(next, provider, { base: verdict.error }) }
      }
    }
  }

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

  /** It is known who it is: whether they may in, and where to. */
  const finish = async (flow: LoginFlow, identity: Identity): Promise<LoginOutcome> => {
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
  const resume = async (flow: LoginFlow, { user: id, until }: NonNullable<Flow['waitsFor']>): Promise<LoginOutcome> => {
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

  const admit = async (flow: LoginFlow, user: User, credentialId: CredentialId): Promise<LoginOutcome> => {
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

  /** It is known who it is: whether that is who it has to be. Nobody becomes a user by it. */
  const confirm = async (flow: Flow, { subject }: Identity, id: UserId): Promise<StepUpOutcome> => {
    const known = await store.users.byCredential(flow.providerType, flow.providerId, subject)
    if (known?.user.id !== id) return end(flow, { refused: 'identity_mismatch' as const })
    const refused = refuseAccess(known.user, flow.address)
    return end(flow, refused === null ? { confirmed: handlerOf(flow) } : { blocked: refused })
  }

  return {
    providers,

    start: async ({ clientId, redirectUri, handler, challenge, purpose, address }) => {
      if (!isClientId(clientId)) return { refused: 'invalid_client' }
      if (!isRedirectUri(redirectUri)) return { refused: 'invalid_redirect' }
      if (challenge !== null && !CODE_CHALLENGE.test(challenge)) return { refused: 'invalid_challenge' }
      return open({ clientId, redirectUri, challenge, purpose, address }, handler, null)
    },

    step: async (id, clientId, address, input) => {
      if (!isClientId(clientId)) return { refused: 'invalid_client' }
      const flow = await store.flows.get(id)
      if (flow === null || !isLogin(flow)) return { refused: 'unknown_flow' }
      if (flow.address !== address) return { refused: 'address_changed' }
      if (flow.clientId !== clientId) return { refused: 'invalid_client' }
      if (clock.now() >= flow.expiresAt) return { step: aborted(flow, 'login_expired') }
      if (flow.waitsFor !== undefined) {
        return Object.keys(input).length === 0 ? resume(flow, flow.waitsFor) : { refused: 'malformed_input' }
      }
      return judge(flow, input, (identity) => finish(flow, identity))
    },

    startStepUp: ({ handler, address, instead }) =>
      open({ clientId: '', redirectUri: '', challenge: null, purpose: 'step_up', address }, handler, instead),

    stepUp: async (id, user, address, input) => {
      const flow = await store.flows.get(id)
      if (flow === null || isLogin(flow)) return { refused: 'unknown_flow' }
      if (flow.address !== address) return { refused: 'address_changed' }
      if (clock.now() >= flow.expiresAt) return { step: aborted(flow, 'login_expired') }
      return judge(flow, input, (identity) => confirm(flow, identity, user))
    },

    abort: (id) => store.flows.remove(id),
  }
}
