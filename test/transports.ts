/** Suites that run once over each transport. Where one cannot be loaded its suite is skipped, and says why. */
import { describe } from 'vitest'
import { loadUws } from '../src/transport/uws-load.ts'
import { type Rig, type RigSettings, rig } from './rig.ts'

export type TransportName = 'ws' | 'uws'

/** Starts a gateway over the suite's transport. */
export type Start = (settings?: RigSettings) => Promise<Rig>

export const describeTransports = (name: string, tests: (start: Start, transport: TransportName) => void): void => {
  const loaded = loadUws()
  for (const transport of ['ws', 'uws'] as const) {
    const missing = transport === 'uws' && 'missing' in loaded ? loaded.missing : null
    const start: Start = (settings = {}) => rig({ 'server.transport': transport, ...settings })
    const register = missing === null ? describe : describe.skip
    register(`${name} (${missing ?? transport})`, () => tests(start, transport))
  }
}
