/** The commands by which somebody who is in proves once more to be there, for what is sensitive. */
import { z } from 'zod'
import { command } from './command.ts'
import { abortStep, doneStep, formStep } from './session.ts'

/** `expires_in`: seconds. */
const step = z.discriminatedUnion('type', [formStep, abortStep, doneStep(z.strictObject({ expires_in: z.int() }))])

export const stepUp = {
  'auth/step_up': command({
    doc: 'Begin to log in once more on this socket, for sensitive commands. A step-up that is open already is given up.',
    needs: 'user',
    input: { handler: z.tuple([z.string().nullable(), z.string().nullable()]) },
    result: step,
    errors: ['unauthorized', 'not_found', 'overloaded'],
  }),

  'auth/step_up/step': command({
    doc: 'Send the fields of a step-up’s step. A finished one answers with the seconds for which this socket, and no other, may do what is sensitive.',
    needs: 'user',
    input: { flow_id: z.string(), user_input: z.record(z.string(), z.unknown()) },
    result: step,
    errors: ['unauthorized', 'not_found', 'not_allowed', 'identity_mismatch', 'overloaded'],
  }),

  'auth/step_up/abort': command({
    doc: 'Give up the step-up that is open on this socket.',
    needs: 'user',
    input: { flow_id: z.string() },
    result: z.null(),
    errors: ['unauthorized', 'not_found'],
  }),
} as const

export type StepUpCommands = typeof stepUp
