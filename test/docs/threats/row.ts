/** A threat, what must happen, and whether it is tested here already. */
export interface Row {
  readonly id: string
  readonly threat: string
  readonly behaviour: string
  /** What of it is not built yet, or why it cannot happen here. */
  readonly note?: string
  /** Nothing of it is built, or nothing has to be: there is no test. */
  readonly untested?: true
}

/** A row that tests hold. */
export const held = (id: string, threat: string, behaviour: string, note?: string): Row =>
  note === undefined ? { id, threat, behaviour } : { id, threat, behaviour, note }

/** A row for something that is not built yet. */
export const later = (id: string, threat: string, behaviour: string, when: string): Row => ({
  id,
  threat,
  behaviour,
  note: `Later: ${when}`,
  untested: true,
})

/** A row that cannot happen here. */
export const none = (id: string, threat: string, why: string): Row => ({
  id,
  threat,
  behaviour: 'Does not apply.',
  note: why,
  untested: true,
})
