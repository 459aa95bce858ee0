/** `latchkey config check`: the settings in force, each with where it was given. */
import { Command } from 'commander'
import type { Effective } from '../config/config.ts'
import { type ConfigFlags, loadConfig, withConfigFlags } from './configuration.ts'
import { explain } from './failure.ts'

const table = (effective: readonly Effective[]): string => {
  const rows = effective.map(({ key, value, source }) => [key, value ?? '(not set)', source] as const)
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length))
  const [first, second] = [width(0), width(1)]
  return rows
    .map(([key, value, source]) => `${key.padEnd(first)}  ${value.padEnd(second)}  ${source}`.trimEnd())
    .join('\n')
}

const check = ({ json, ...flags }: ConfigFlags & { readonly json?: true }): void => {
  const { effective } = loadConfig(flags)
  process.stdout.write(`${json === true ? JSON.stringify(effective) : table(effective)}\n`)
}

export const configCommand = (): Command => {
  const checking = withConfigFlags(new Command('check'))
    .description('Read the configuration as serve would, and print every setting with where it comes from.')
    .option('--json', 'print a list of {key, value, source}')
    .addHelpText(
      'after',
      '\nEnds with 0 if serve would take it, else with 64 and one line for each thing that is wrong.',
    )
    .action((flags: ConfigFlags & { json?: true }) => {
      try {
        check(flags)
      } catch (error) {
        explain(error)
      }
    })
  return new Command('config').description('Look at the configuration.').addCommand(checking)
}
