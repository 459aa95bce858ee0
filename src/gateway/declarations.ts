/** What is wrong with what an application declares: found when its gateway starts, each in one line that names the key. */
import { commands as ownCommands } from '../protocol/commands.ts'
import { errors as ownErrors } from '../protocol/errors.ts'
import { isObject } from '../protocol/json.ts'
import { OWN_EVENTS } from './bus.ts'

/** As Home Assistant names its commands: `chat/send`. */
const COMMAND = /^[a-z][a-z0-9_]*(?:\/[a-z0-9_]+)*$/
/** As Home Assistant names its events: `chat_message`, `mobile_app.notification_action`. */
const EVENT = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/
const CODE = /^[a-z][a-z0-9_]*$/
const MAX_LENGTH = 64

/** Where commands of ours may come to be. */
const RESERVED = ['auth', 'config/auth', 'config/auth_provider']

const isReserved = (type: string): boolean =>
  ownCommands.has(type) || RESERVED.some((prefix) => type === prefix || type.startsWith(`${prefix}/`))

const isSchema = (value: unknown): boolean =>
  isObject(value) && isObject(value['_zod']) && typeof value['safeParse'] === 'function'

const LEVELS = ['user', 'admin', 'owner']

const wrongErrors = (errors: unknown): string | null => {
  if (Array.isArray(errors)) {
    return errors.every((code) => typeof code === 'string' && Object.hasOwn(ownErrors, code))
      ? null
      : 'errors in a list are codes of the gateway; codes of your own are keys, with a text for each'
  }
  if (!isObject(errors)) return 'errors is a map from each code to its text; {} where there are none'
  for (const [code, text] of Object.entries(errors)) {
    if (!CODE.test(code)) return `errors: ${JSON.stringify(code)} is no code such as room_full`
    if (typeof text !== 'string' || text === '') return `errors: ${code} needs a text`
  }
  return null
}

const wrongCommand = (type: string, declared: unknown): string | null => {
  if (!COMMAND.test(type) || type.length > MAX_LENGTH) return 'a type is a name such as chat/send'
  if (isReserved(type)) return 'this type is the gateway’s own'
  if (!isObject(declared) || !isSchema(declared['schema'])) return 'not made by command()'
  const { needs, input, result, event, may, reply, sensitive, errors } = declared
  if (![...LEVELS, 'anyone'].includes(needs as string)) return 'needs is anyone, user, admin or owner'
  if (!isObject(input)) return 'input is a map from each field to its schema'
  for (const [field, schema] of Object.entries(input)) {
    if (field === 'id' || field === 'type') return `input: ${field} is every message’s own`
    if (!isSchema(schema)) return `input: ${field} needs a schema of zod 4`
  }
  if (!isSchema(result)) return 'result needs a schema of zod 4'
  if (event !== undefined && !isSchema(event)) return 'event needs a schema of zod 4'
  if (may !== undefined && typeof may !== 'function') return 'may is a function'
  if (may !== undefined && needs === 'anyone') return 'may asks about a user, and needs is anyone'
  if (reply !== undefined) return 'reply is not for applications'
  if (sensitive !== undefined && sensitive !== 'always') return 'sensitive is always, or left out'
  if (sensitive !== undefined && needs === 'anyone') return 'sensitive asks about a user, and needs is anyone'
  return wrongErrors(errors)
}

const wrongEvent = (type: string, declared: unknown): string | null => {
  if (!EVENT.test(type) || type.length > MAX_LENGTH) return 'a type is a name such as chat_message'
  if (OWN_EVENTS.has(type)) return 'this type is the gateway’s own'
  if (!isObject(declared) || !isSchema(declared['data'])) return 'data needs a schema of zod 4'
  if (!LEVELS.includes(declared['needs'] as string)) return 'needs is user, admin or owner'
  const { mayHear } = declared
  return mayHear !== undefined && typeof mayHear !== 'function' ? 'mayHear is a function' : null
}

/** One line for each thing that is wrong; none where all is well. */
export const describeDeclarations = (
  commands: Readonly<Record<string, unknown>>,
  events: Readonly<Record<string, unknown>>,
  handlers: Readonly<Record<string, unknown>>,
): string[] => {
  const lines: string[] = []
  const note = (place: string, type: string, wrong: string | null): void => {
    if (wrong !== null) lines.push(`${place}[${JSON.stringify(type)}]: ${wrong}`)
  }
  for (const [type, declared] of Object.entries(commands)) {
    note('commands', type, wrongCommand(type, declared))
    const handler = Object.hasOwn(handlers, type) ? handlers[type] : undefined
    note('handlers', type, typeof handler === 'function' ? null : 'a function has to answer this command')
  }
  for (const type of Object.keys(handlers)) {
    note('handlers', type, Object.hasOwn(commands, type) ? null : 'no such command is declared')
  }
  for (const [type, declared] of Object.entries(events)) {
    note('events', type, wrongEvent(type, declared))
    note('events', type, Object.hasOwn(commands, type) ? 'a command has this type too' : null)
  }
  return lines
}
