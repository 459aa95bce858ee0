/** How a command reaches the data: through the node that serves it, or by itself where none does. */
import { existsSync } from 'node:fs'
import { createTokens } from '../auth/tokens.ts'
import { Verifier } from '../auth/verifier.ts'
import { systemClock } from '../clock.ts'
import {
  type Control,
  createControl,
  type OperationInput,
  type OperationName,
  type Results,
} from '../control/operations.ts'
import { ControlRefused } from '../control/refused.ts'
import { askControl } from '../control/socket.ts'
import { DataDir } from '../datadir.ts'
import { openData } from '../main.ts'
import { type ConfigFlags, loadConfig } from './configuration.ts'

/** Asks the node, or does it here. Throws `ControlRefused`, `StoreRefused`, `ConfigError`. */
export const operate = async <N extends OperationName>(
  flags: ConfigFlags,
  operation: N,
  input: OperationInput<N>,
): Promise<Results[N]> => {
  const { config } = loadConfig(flags)
  const { control, database, path } = DataDir.at(config.data_dir)
  const asked = await askControl(control, operation, input)
  if (asked !== null) return asked.result
  // Only the owner's making may begin a gateway: a mistyped folder must not become one.
  const begins = operation === 'user.add' && (input as OperationInput<'user.add'>).role === 'owner'
  if (!begins && !existsSync(database)) {
    throw new ControlRefused(`there is no gateway's data in ${path}; name the folder with --data-dir`)
  }
  const { store, feed, keys, hasher, dir, copy } = await openData(config, systemClock)
  try {
    const lifetimes = {
      accessTokenMs: config['tokens.access_token_lifetime'],
      refreshTokenIdleMs: config['tokens.refresh_token_idle'],
      rotationWindowMs: config['tokens.rotation_window'],
    }
    const here: Control = createControl({
      store,
      hasher,
      tokens: createTokens(store, keys, systemClock, lifetimes, new Verifier(store.tokens, feed, keys, systemClock)),
      clock: systemClock,
      rejectedMs: config['limits.pending_users.lifetime'],
      sockets: () => 0,
      ownerMade: () => dir.dropSetupCode(),
      copyDatabase: copy,
    })
    return await here(operation, input)
  } finally {
    await store.close()
  }
}
