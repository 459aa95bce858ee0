/** A value as somebody gave it, and how a source says that something in it is wrong. */

export interface Given {
  readonly value: string
  /** Where it was given: a flag, a variable, or a file with its line. */
  readonly source: string
}

/** Notes one line for the operator. All lines are told together. */
export type Problem = (line: string) => void
