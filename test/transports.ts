/** Suites that run once over each transport. Where one cannot be loaded its suite is skipped, and says why. */
import { describe } from 'vitest'
import type { Brought } from '../src/gateway/application.ts'
import { loadUws } from '../src/transport/uws-load.ts'
import { type Rig, type RigSettings, rig } from './rig.ts'

export type TransportName = 'ws' | 'uws'

/** Starts a gateway over the suite's transport. */
export type Start = (settings?: RigSettings, application?: Brought) => Promise<Rig>

/** Every transport, and why it cannot be loaded here; null where it can. */
export const transports = (): readonly { readonly transport: TransportName; readonly missing: string | null }[] => {
  const loaded = loadUws()
  return [
    { transport: 'ws', missing: null },
    { transport: 'uws', missing: 'missing' in loaded ? loaded.missing : null },
  ]
}

/** Registers a suite for each transport: skipped, with the reason in its title, where that cannot be loaded. */
export const eachTransport = (titled: (what: string) => string, tests: (transport: TransportName) => void): void => {
  for (const { transport, missing } of transports()) {
    const register = missing === null ? describe : describe.skip
    register(titled(missing ?? transport), () => tests(transport))
  }
}

export const describeTransports = (name: string, tests: (start: Start, transport: TransportName) => void): void => {
  eachTransport(
    (what) => `${name} (${what})`,
    (transport) => {
      const start: Start = (settings = {}, application = {}) =>
        rig({ 'server.transport': transport, ...settings }, undefined, application)
      tests(start, transport)
    },
  )
}
