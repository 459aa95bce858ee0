/** Answers to the commands that authenticate a socket or renew it. */

import { readClaims } from '../auth/jwt.ts'
import type { LoginOutcome, LoginRefusal, LoginRules } from '../auth/login.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { FlowStep } from '../protocol/http.ts'
import type { SessionCommands } from '../protocol/session.ts'
import type { FlowId, UserId } from '../store/model.ts'
import type { Users } from '../store/store.ts'
import type { Approvals } from './approvals.ts'
import { type AnyContext, type AnyHandlers, Refusal, type Renewal } from './dispatch.ts'
import { describeProviders } from './login.ts'
import { isAskedAgain, type LoginAttempts, loginRefusals, type Refused, refusalText } from './login-attempts.ts'
import type { TokenRequests } from './token-requests.ts'

const codes: Readonly<Record<LoginRefusal | 'identity_mismatch', ErrorCode>> = {
  invalid_client: 'invalid_format',
  invalid_redirect: 'not_allowed',
  invalid_challenge: 'invalid_format',
  invalid_handler: 'not_found',
  too_many_flows: 'overloaded',
  unknown_flow: 'not_found',
  address_changed: 'not_allowed',
  malformed_input: 'invalid_format',
  conflict: 'not_allowed',
  identity_mismatch: 'identity_mismatch',
}

/** Logins that one socket may have begun: of more, the oldest is forgotten, and runs out by itself. */
const MAX_LOGINS = 100

/** The answer where a login, or a step-up, does not go on. */
export const refuse = (outcome: Refused): Refusal =>
  new Refusal('blocked' in outcome ? 'not_allowed' : codes[outcome.refused], refusalText(outcome))

/** The answer to a flow that was not begun on the socket, or is over. */
export const unknownFlow = new Refusal('not_found', loginRefusals.unknown_flow)
/** The caller's address can be a credential at a login, and a page elsewhere must not use it. */
export const foreign = new Refusal('unauthorized')

export interface SessionParts {
  readonly providers: LoginRules['providers']
  readonly attempts: LoginAttempts
  readonly requests: TokenRequests
  readonly users: Users
  readonly approvals: Approvals
  readonly clock: Clock
  readonly log: Log
}

export const sessionHandlers = (parts: SessionParts): AnyHandlers<SessionCommands> => {
  const { providers, attempts, approvals, requests, users, clock, log } = parts

  /** The answer to a login's outcome; a login that is over is the socket's no more. */
  const answer = (context: AnyContext, id: string, outcome: LoginOutcome) => {
    if (!('step' in outcome)) {
      const over = 'blocked' in outcome || outcome.refused === 'invalid_redirect' || outcome.refused === 'unknown_flow'
      if (over && context.logins.delete(id)) context.loginsChanged()
      return refuse(outcome)
    }
    const { step } = outcome
    if (step.type !== 'form' && context.logins.delete(id)) context.loginsChanged()
    return step
  }

  /** What a waiting login has become, in one shape; null where it still waits, or somebody else was told. */
  const news = (context: AnyContext, { flow_id, handler }: FlowStep, outcome: LoginOutcome): FlowStep | null => {
    if ('step' in outcome && outcome.waitsFor !== undefined) return null
    if ('refused' in outcome && (outcome.refused === 'conflict' || outcome.refused === 'unknown_flow')) return null
    const next = answer(context, flow_id, outcome)
    if (!(next instanceof Refusal)) return next
    return { type: 'abort', flow_id, handler, reason: 'not_allowed', description_placeholders: null }
  }

  /** A login that has to wait goes on by itself: what is decided comes as an event of the command that began the waiting. */
  const follow = (context: AnyContext, command: number, step: FlowStep, client: string, user: UserId): void => {
    const look = async (): Promise<void> => {
      const outcome = await attempts.step(step.flow_id as FlowId, client, context.address, {})
      const next = news(context, step, outcome)
      if (next === null) return
      context.deliver(command, JSON.stringify(next))
      context.unsubscribe(command)
    }
    const tell = (): void => {
      look().catch((error: unknown) => log.warn({ err: error }, 'a login could not go on after its approval'))
    }
    context.subscribe('anyone', approvals.listen(user, tell), command)
    // It may have been decided while nobody listened.
    tell()
  }

  return {
    'auth/providers': async ({ address }) =>
      (await users.any()) ? describeProviders(providers, address) : new Refusal('onboarding_required'),

    'auth/login_flow': async (context, { purpose, ...fields }) => {
      if (context.isForeign) return foreign
      // The code stays on this socket: nobody has to be sent anywhere.
      const { client_id, redirect_uri = client_id } = fields
      const outcome = await attempts.start({ ...fields, redirect_uri, type: purpose }, context.address)
      if (!('step' in outcome)) return answer(context, '', outcome)
      context.logins.set(outcome.step.flow_id, fields.client_id)
      const [oldest] = context.logins.keys()
      if (oldest !== undefined && context.logins.size > MAX_LOGINS) context.logins.delete(oldest)
      context.loginsChanged()
      return outcome.step
    },

    'auth/login_flow/step': async (context, { flow_id, client_id, user_input }) => {
      if (context.isForeign) return foreign
      // A login belongs to the socket that began it.
      const client = context.logins.get(flow_id)
      if (client === undefined) return unknownFlow
      const command = context.lastId
      const outcome = await attempts.step(flow_id as FlowId, client_id ?? client, context.address, user_input)
      if ('step' in outcome && outcome.waitsFor !== undefined && !isAskedAgain(outcome.step)) {
        follow(context, command, outcome.step, client, outcome.waitsFor)
      }
      return answer(context, flow_id, outcome)
    },

    'auth/login_flow/abort': async (context, { flow_id }) => {
      if (context.isForeign) return foreign
      if (!context.logins.delete(flow_id)) return unknownFlow
      context.loginsChanged()
      return (await attempts.abort(flow_id as FlowId)) ? null : unknownFlow
    },

    'auth/token': async (context, { authenticate = false, rotate, ...given }) => {
      const fields = { ...given, rotate: rotate === true ? '1' : undefined }
      // Before authentication what follows waits, so that it can be sent in the same breath.
      const entry = authenticate && context.user === null ? context.enter() : null
      try {
        // Asked before anything is issued: a step or a session that nobody is told of would be lost, or left open.
        const outcome =
          authenticate && context.user !== null
            ? await requests.issueTo(context.user.userId, fields, context.address)
            : await requests.issue(fields, context.address)
        if (outcome === 'identity_mismatch') return new Refusal(outcome)
        if ('error' in outcome) {
          entry?.fail()
          return new Refusal(outcome.error, outcome.description, outcome.retryAfterMs)
        }
        const isLogin = given.grant_type === 'authorization_code'
        if (entry !== null) entry.with(outcome.access_token, isLogin)
        else if (authenticate) {
          const renewed = await context.renew(outcome.access_token, isLogin)
          if (renewed !== 'renewed') return new Refusal(renewed === 'refused' ? 'access_denied' : renewed)
        }
        return outcome
      } catch (error) {
        entry?.fail()
        throw error
      }
    },

    'auth/revoke': async (_, { token }) => {
      await requests.revoke(token)
      return null
    },

    'auth/renew': (context, { access_token }) => {
      const answer = (renewed: Renewal) => {
        if (renewed !== 'renewed') return new Refusal(renewed === 'refused' ? 'invalid_access_token' : renewed)
        const end = readClaims(access_token)!.exp
        return { expires_in: Math.max(0, Math.floor(end - clock.now() / 1000)) }
      }
      const renewed = context.renew(access_token, false)
      return renewed instanceof Promise ? renewed.then(answer) : answer(renewed)
    },
  }
}
