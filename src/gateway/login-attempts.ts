/** Logins as attempts that count: the one way to the login rules, whether a step comes over HTTP or over a socket. */
import type { Bans } from '../auth/bans.ts'
import type { LoginOutcome, LoginRefusal, LoginRules, StepUpOutcome } from '../auth/login.ts'
import { normalizeUsername } from '../auth/providers/local.ts'
import type { Log } from '../log.ts'
import type { FlowStep, StartFlow } from '../protocol/http.ts'
import type { LoginFailureReason } from '../protocol/sessions.ts'
import type { FlowId, UserId } from '../store/model.ts'
import type { Metrics } from './metrics.ts'

export interface LoginAttempts {
  start(fields: StartFlow, address: string): Promise<LoginOutcome>
  /** Rejects with `Overloaded` or `Banned`. */
  step(id: FlowId, clientId: string, address: string, input: Readonly<Record<string, unknown>>): Promise<LoginOutcome>
  startStepUp: LoginRules['startStepUp']
  /** As `step`, by somebody who is in. */
  stepUp(id: FlowId, user: UserId, address: string, input: Readonly<Record<string, unknown>>): Promise<StepUpOutcome>
  abort(id: FlowId): Promise<boolean>
}

/** What a person is told where a login does not go on. */
export const loginRefusals: Readonly<Record<LoginRefusal | 'identity_mismatch', string>> = {
  invalid_client: 'Invalid client id',
  invalid_redirect: 'Invalid redirect URI',
  invalid_challenge: 'Invalid code challenge',
  invalid_handler: 'Invalid handler specified',
  too_many_flows: 'Too many logins are open',
  unknown_flow: 'Invalid flow specified',
  address_changed: 'IP address changed',
  malformed_input: 'User input malformed',
  conflict: 'Another input came first',
  identity_mismatch: 'Somebody else has logged in',
}

type Outcome = LoginOutcome | StepUpOutcome

/** Outcomes by which nothing goes on. */
export type Refused = Exclude<Outcome, { step: unknown } | { confirmed: unknown }>

/** The sentence of an outcome by which nothing goes on. */
export const refusalText = (outcome: Refused): string =>
  'blocked' in outcome ? `Login blocked: ${outcome.blocked}` : loginRefusals[outcome.refused]

/** The form that waits for approval was sent once more, and nothing is decided. */
export const isAskedAgain = (step: FlowStep): boolean => step.type === 'form' && step.errors['base'] === 'pending'

/** Somebody gave a name and was not let in. */
export interface LoginFailure {
  /** The name, in its normal form. */
  readonly account: string
  readonly address: string
  readonly reason: LoginFailureReason
}

/** null where it did not fail, or failed for another reason than whose login it is. */
const failureOf = (outcome: Outcome): LoginFailureReason | null => {
  if ('confirmed' in outcome) return null
  if ('blocked' in outcome) return outcome.blocked === 'User is not active' ? 'user_inactive' : 'remote'
  if (!('step' in outcome)) return null
  const { step } = outcome
  if (step.type === 'form') return step.errors['base'] === 'invalid_auth' ? 'invalid_auth' : null
  return step.type === 'abort' && (step.reason === 'rejected' || step.reason === 'not_allowed') ? step.reason : null
}

/** `onFailed` is called with each failure. */
export const createLoginAttempts = (
  login: LoginRules,
  bans: Bans,
  metrics: Metrics,
  log: Log,
  onFailed: (failure: LoginFailure) => void,
): LoginAttempts => {
  const note = (outcome: Outcome, address: string): void => {
    if ('confirmed' in outcome) {
      metrics.login('ok')
      log.info({ address, provider: outcome.confirmed[0] }, 'step-up')
    } else if (!('step' in outcome)) {
      log.info({ address, reason: refusalText(outcome) }, 'login refused')
    } else if (outcome.step.type === 'create_entry') {
      metrics.login('ok')
      log.info({ address, provider: outcome.step.handler[0] }, 'login')
    } else if ('waitsFor' in outcome) {
      log.debug({ address, user: outcome.waitsFor }, 'login waits for approval')
    } else if (outcome.step.type === 'abort') {
      log.info({ address, reason: outcome.step.reason }, 'login refused')
    } else if (outcome.step.type === 'form' && 'base' in outcome.step.errors) {
      metrics.login('refused')
      log.info({ address, reason: outcome.step.errors['base'] }, 'login failed')
    }
  }

  const record = <T extends Outcome>(outcome: T, address: string): T => {
    note(outcome, address)
    return outcome
  }

  const isProved = (outcome: Outcome): boolean => {
    if ('confirmed' in outcome) return true
    // Whoever waits for approval gave the right password, and gives none with the step after it.
    return 'step' in outcome && (outcome.step.type === 'create_entry' || 'waitsFor' in outcome)
  }

  /** Takes a step, and counts it. */
  const attempt = async <T extends Outcome>(
    address: string,
    input: Readonly<Record<string, unknown>>,
    take: () => Promise<T>,
  ): Promise<T> => {
    const account = typeof input['username'] === 'string' ? normalizeUsername(input['username']) : ''
    const outcome = await bans.attempt(address, async () => {
      const outcome = await take()
      const refused =
        'step' in outcome && outcome.step.type === 'form' && outcome.step.errors['base'] === 'invalid_auth'
      if (refused) bans.failed(address, { account })
      else if (isProved(outcome) && account !== '') bans.succeeded(address, account)
      const reason = failureOf(outcome)
      // A step without a name is that of somebody who waits: what is decided about them is heard of anyway.
      if (reason !== null && account !== '') onFailed({ account, address, reason })
      return outcome
    })
    return record(outcome, address)
  }

  return {
    start: async ({ client_id, handler, redirect_uri, type, code_challenge, code_challenge_method }, address) => {
      // RFC 7636 section 4.3: without a method it is `plain`, which nobody gets here.
      const method = code_challenge === undefined ? undefined : 'S256'
      if (code_challenge_method !== method) return record({ refused: 'invalid_challenge' }, address)
      const outcome = await login.start({
        clientId: client_id,
        redirectUri: redirect_uri,
        handler,
        challenge: code_challenge ?? null,
        // Any other type means a login, as in Home Assistant.
        purpose: type === 'link_user' ? 'link' : 'login',
        address,
      })
      return record(outcome, address)
    },

    step: (id, clientId, address, input) => attempt(address, input, () => login.step(id, clientId, address, input)),

    startStepUp: async (request) => record(await login.startStepUp(request), request.address),

    stepUp: (id, user, address, input) => attempt(address, input, () => login.stepUp(id, user, address, input)),

    abort: (id) => login.abort(id),
  }
}
