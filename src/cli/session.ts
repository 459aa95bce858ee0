/** `latchkey session` and `latchkey token`: what people are logged in with, and what scripts have. */
import { Command } from 'commander'
import type { SessionRow } from '../control/operations.ts'
import { EX_USAGE, fail } from './failure.ts'
import { operate } from './operate.ts'
import { type OperationFlags, operation } from './operation.ts'
import { instant, print, receiptText, table } from './output.ts'

type Type = SessionRow['type'] & ('normal' | 'long_lived_access_token')

const rowOf = ({ id, user, client, created_at, last_used_at, last_used_ip, expire_at, sockets }: SessionRow) => [
  user,
  client ?? '-',
  instant(created_at),
  `${instant(last_used_at)}${last_used_ip === null ? '' : ` from ${last_used_ip}`}`,
  instant(expire_at),
  String(sockets),
  id,
]

const list = (type: Type, what: string): Command =>
  operation('list', `List ${what}, of one user or of all. SOCKETS are those that are open now.`)
    .option('--user <user>', 'user name or id')
    .run(async (flags: OperationFlags & { user?: string }) => {
      const rows = await operate(
        flags,
        'session.list',
        flags.user === undefined ? { type } : { type, user: flags.user },
      )
      const client = type === 'normal' ? 'CLIENT' : 'NAME'
      print(flags, rows, () =>
        table(['USER', client, 'CREATED', 'LAST USED', 'ENDS', 'SOCKETS', 'ID'], rows.map(rowOf)),
      )
    })

const revokeOne = (type: Type, what: string): Command =>
  operation('revoke', `End a ${what} by its id. Its sockets close at once.`)
    .argument('<id>', `as latchkey ${what} list prints it`)
    .run(async (flags, id) => {
      const receipt = await operate(flags, 'session.revoke', { id, type })
      print(flags, receipt, () => receiptText(`${what} ${id} revoked`)(receipt))
    })

const revokeSessions = operation('revoke', 'End a session, all of one user, or all. Their sockets close at once.')
  .argument('[id]', 'as latchkey session list prints it')
  .option('--user <user>', 'every session and token of this user')
  .option('--all', 'every session and token of everybody')
  .addHelpText(
    'after',
    '\nExamples:\n  latchkey session revoke 6f2a0c…\n  latchkey session revoke --user bob\n  latchkey session revoke --all',
  )
  .run(async (flags: OperationFlags & { user?: string; all?: true }, id?: string) => {
    const given = [id, flags.user, flags.all].filter((one) => one !== undefined)
    if (given.length !== 1) return fail(EX_USAGE, 'give an id, --user or --all: one of them')
    const input =
      id !== undefined
        ? { id, type: 'normal' as const }
        : flags.user !== undefined
          ? { user: flags.user }
          : { all: true as const }
    const receipt = await operate(flags, 'session.revoke', input)
    print(flags, receipt, () => receiptText('revoked')(receipt))
  })

const create = operation('create', 'Create a long-lived access token for a user. It is shown once.')
  .argument('<user>', 'user name or id')
  .requiredOption('--name <name>', 'what it is for; a user has one token of a name')
  .option('--days <days>', 'how long it is good, 1 to 3650', '365')
  .run(async (flags: OperationFlags & { name: string; days: string }, user) => {
    const days = /^\d{1,4}$/.test(flags.days) ? Number(flags.days) : 0
    if (days < 1 || days > 3650)
      return fail(EX_USAGE, `--days must be a whole number from 1 to 3650, not "${flags.days}"`)
    const made = await operate(flags, 'token.create', { user, name: flags.name, days })
    print(flags, made, () => made.token)
  })

export const sessionCommand = (): Command =>
  new Command('session')
    .description('See and end what people are logged in with.')
    .addCommand(list('normal', 'sessions'))
    .addCommand(revokeSessions)

export const tokenCommand = (): Command =>
  new Command('token')
    .description('Create, see and end long-lived access tokens of scripts.')
    .addCommand(create)
    .addCommand(list('long_lived_access_token', 'long-lived tokens'))
    .addCommand(revokeOne('long_lived_access_token', 'token'))
