/** `latchkey credential`: passwords of nobody yet, whose first login makes the user. */
import { Command } from 'commander'
import { operate } from './operate.ts'
import { type OperationFlags, operation } from './operation.ts'
import { print, table } from './output.ts'
import { readPassword } from './password.ts'

const add = operation(
  'add',
  'Make a user name and password without a user: the first login makes one, who waits for approval unless users.new_users is active.',
)
  .argument('<username>', 'in lower case, without blanks')
  .option('--password-stdin', 'read the password from standard input (one line)')
  .addHelpText(
    'after',
    '\nExample:\n  latchkey credential add eve\n  latchkey user approve eve     (after the first login)',
  )
  .run(async (flags: OperationFlags & { passwordStdin?: true }, username) => {
    const password = await readPassword(flags.passwordStdin === true)
    await operate(flags, 'credential.add', { username, password })
    print(flags, {}, () => `user name ${username} added; its first login makes the user`)
  })

const list = operation('list', 'List the user names that are no user’s yet.').run(async (flags) => {
  const names = await operate(flags, 'credential.list', {})
  print(flags, names, () =>
    table(
      ['USERNAME'],
      names.map(({ username }) => [username]),
    ),
  )
})

const remove = operation('remove', 'Take a user name away that is no user’s.')
  .argument('<username>')
  .run(async (flags, username) => {
    await operate(flags, 'credential.remove', { username })
    print(flags, {}, () => `user name ${username} removed`)
  })

export const credentialCommand = (): Command =>
  new Command('credential')
    .description('Give out user names and passwords whose users come with their first login.')
    .addCommand(add)
    .addCommand(list)
    .addCommand(remove)
