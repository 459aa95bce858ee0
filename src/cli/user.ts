/** `latchkey user`: add, list, approve, reject, password, activate, deactivate, remove. */
import { Command, Option } from 'commander'
import type { OperationInput } from '../control/operations.ts'
import { operate } from './operate.ts'
import { type OperationFlags, operation } from './operation.ts'
import { print, receiptText, table } from './output.ts'
import { readPassword } from './password.ts'

const PASSWORD_STDIN = ['--password-stdin', 'read the password from standard input (one line)'] as const

interface AddFlags extends OperationFlags {
  readonly name?: string
  readonly role: OperationInput<'user.add'>['role']
  readonly localOnly?: true
  readonly passwordStdin?: true
}

const add = operation('add', 'Add a user who logs in with a password.')
  .argument('<username>', 'in lower case, without blanks')
  .option('--name <name>', 'as others see the user (default: the user name)')
  .addOption(
    new Option('--role <role>', 'owner is the first user, and only the first')
      .choices(['owner', 'admin', 'user', 'read-only'])
      .default('user'),
  )
  .option('--local-only', 'may log in from local addresses only')
  .option(...PASSWORD_STDIN)
  .addHelpText(
    'after',
    '\nExamples:\n  latchkey user add ann --name Ann --role owner\n  pass show bob | latchkey user add bob --password-stdin',
  )
  .run(async (flags: AddFlags, username) => {
    const password = await readPassword(flags.passwordStdin === true)
    const input = { username, password, role: flags.role, local_only: flags.localOnly === true }
    const made = await operate(flags, 'user.add', flags.name === undefined ? input : { ...input, name: flags.name })
    print(flags, made, () => `user ${username} added`)
  })

const list = operation('list', 'List all users.').run(async (flags) => {
  const users = await operate(flags, 'user.list', {})
  const rows = users.map((user) => [
    user.username ?? '-',
    user.name ?? '-',
    user.role,
    user.approval ?? (user.active ? 'yes' : 'no'),
    user.local_only ? 'yes' : 'no',
    String(user.sessions),
    user.id,
  ])
  print(flags, users, () => table(['USERNAME', 'NAME', 'ROLE', 'ACTIVE', 'LOCAL ONLY', 'SESSIONS', 'ID'], rows))
})

const password = operation('password', 'Set the password of a user. All sessions of the user end.')
  .argument('<user>', 'user name or id')
  .option(...PASSWORD_STDIN)
  .run(async (flags: OperationFlags & { passwordStdin?: true }, user) => {
    const given = await readPassword(flags.passwordStdin === true)
    const receipt = await operate(flags, 'user.password', { user, password: given })
    print(flags, receipt, () => receiptText(`password of ${user} set`)(receipt))
  })

const activate = operation('activate', 'Let a user log in again. Sessions that were ended stay ended.')
  .argument('<user>', 'user name or id')
  .run(async (flags, user) => {
    await operate(flags, 'user.activate', { user })
    print(flags, {}, () => `${user} is active`)
  })

const approve = operation('approve', 'Let a user in who waits for approval. Logins that wait go on at once.')
  .argument('<user>', 'user name or id')
  .run(async (flags, user) => {
    await operate(flags, 'user.approve', { user })
    print(flags, {}, () => `${user} is let in`)
  })

const reject = operation(
  'reject',
  'Turn a user away who waits for approval. Approving them later lets them in after all.',
)
  .argument('<user>', 'user name or id')
  .run(async (flags, user) => {
    await operate(flags, 'user.reject', { user })
    print(flags, {}, () => `${user} is turned away`)
  })

const ending = (name: 'deactivate' | 'remove', description: string, done: string): Command =>
  operation(name, description)
    .argument('<user>', 'user name or id')
    .run(async (flags, user) => {
      const receipt = await operate(flags, `user.${name}`, { user })
      print(flags, receipt, () => receiptText(`${user} ${done}`)(receipt))
    })

export const userCommand = (): Command =>
  new Command('user')
    .description('Add, list and change users.')
    .addCommand(add)
    .addCommand(list)
    .addCommand(approve)
    .addCommand(reject)
    .addCommand(password)
    .addCommand(activate)
    .addCommand(
      ending('deactivate', 'End all sessions of a user, who cannot log in any more.', 'is not active any more'),
    )
    .addCommand(ending('remove', 'Remove a user, with credentials and sessions.', 'is removed'))
