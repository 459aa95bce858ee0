/** All cases, in the order in which they are asked. */
import type { Case } from '../adapter.ts'
import { clocks } from './clocks.ts'
import { expiry } from './expiry.ts'
import { races } from './races.ts'
import { refresh } from './refresh.ts'
import { renewal } from './renewal.ts'
import { revocation } from './revocation.ts'
import { rights } from './rights.ts'

export interface Chapter {
  readonly name: string
  readonly cases: readonly Case[]
}

export const chapters: readonly Chapter[] = [
  { name: 'Expiry', cases: expiry },
  { name: 'Renewal in place', cases: renewal },
  { name: 'Revocation', cases: revocation },
  { name: 'Revocation, raced', cases: races },
  { name: 'Rights', cases: rights },
  { name: 'Clocks', cases: clocks },
  { name: 'Refreshes at once', cases: refresh },
]
