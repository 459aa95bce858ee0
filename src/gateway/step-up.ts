/** Answers to the commands by which somebody who is in proves once more to be there. */
import type { StepUpOutcome } from '../auth/login.ts'
import type { StepUpCommands } from '../protocol/step-up.ts'
import type { FlowId } from '../store/model.ts'
import type { Handlers } from './dispatch.ts'
import { FRESH_MS } from './freshness.ts'
import type { LoginAttempts } from './login-attempts.ts'
import { foreign, refuse, unknownFlow } from './session.ts'

/** True: nothing more can be typed into this flow. */
const isOver = (outcome: StepUpOutcome): boolean => {
  if ('step' in outcome) return outcome.step.type !== 'form'
  return !('refused' in outcome) || outcome.refused === 'identity_mismatch' || outcome.refused === 'unknown_flow'
}

export const stepUpHandlers = (attempts: LoginAttempts): Handlers<StepUpCommands> => ({
  'auth/step_up': async ({ address, isForeign, standing: { freshness } }, { handler }) => {
    if (isForeign) return foreign
    // One for each socket: what is left open counts against others behind the same address.
    const outcome = await attempts.startStepUp({ handler, address, instead: freshness.flow })
    if (!('step' in outcome)) return refuse(outcome)
    freshness.flow = outcome.step.flow_id as FlowId
    return outcome.step
  },

  'auth/step_up/step': async ({ who, address, isForeign, standing: { freshness } }, { flow_id, user_input }) => {
    if (isForeign) return foreign
    const { flow } = freshness
    if (flow === null || flow !== flow_id) return unknownFlow
    const outcome = await attempts.stepUp(flow, who.userId, address, user_input)
    if (isOver(outcome) && freshness.flow === flow) freshness.flow = null
    if ('step' in outcome) return outcome.step
    if (!('confirmed' in outcome)) return refuse(outcome)
    freshness.proved()
    return {
      type: 'create_entry',
      flow_id,
      handler: outcome.confirmed,
      description: null,
      description_placeholders: null,
      result: { expires_in: FRESH_MS / 1000 },
    }
  },

  'auth/step_up/abort': async ({ isForeign, standing: { freshness } }, { flow_id }) => {
    if (isForeign) return foreign
    const { flow } = freshness
    if (flow === null || flow !== flow_id) return unknownFlow
    freshness.flow = null
    return (await attempts.abort(flow)) ? null : unknownFlow
  },
})
