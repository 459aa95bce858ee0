/** How an operation says no. */

/** A "no" for the operator: one sentence that says what to do. */
export class ControlRefused extends Error {
  override readonly name = 'ControlRefused'
}
