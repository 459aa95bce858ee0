/** A subcommand that asks a node, or opens the data itself: its common flags, and how it fails. */
import { Command } from 'commander'
import { ControlRefused } from '../control/refused.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { ConfigFlags } from './configuration.ts'
import { explain, fail } from './failure.ts'
import type { OutputFlags } from './output.ts'

export type OperationFlags = ConfigFlags & OutputFlags

/** What was asked for was refused. */
const EX_REFUSED = 1

class Operation extends Command {
  /** Sets what is done; its arguments come after the flags. */
  run<F extends OperationFlags>(act: (flags: F, ...args: string[]) => Promise<void>): this {
    return this.action(async (...given: unknown[]) => {
      // Commander gives the arguments, then the flags, then itself.
      const flags = given.at(-2) as F
      const args = given.slice(0, -2) as string[]
      try {
        await act(flags, ...args)
      } catch (error) {
        if (error instanceof ControlRefused) fail(EX_REFUSED, error.message)
        if (error instanceof StoreUnavailable) fail(EX_REFUSED, error.message)
        explain(error)
      }
    })
  }
}

export const operation = (name: string, description: string): Operation =>
  new Operation(name)
    .description(description)
    .option('--data-dir <folder>', 'the data of the gateway (default ./data)')
    .option('--config <file>', 'settings in YAML (default: latchkey.yaml in this folder, if it is there)')
    .option('--json', 'print JSON')
