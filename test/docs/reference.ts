/** The part of PROTOCOL.md that follows from the declarations: commands, errors and close codes as Markdown. */
import { z } from 'zod'
import type { Command } from '../../src/protocol/command.ts'
import { commands } from '../../src/protocol/commands.ts'
import { closes, type ErrorCode, errors, oauthErrors, translations } from '../../src/protocol/errors.ts'
import { deviations } from '../conformance/deviations.ts'

type Schema = z.core.JSONSchema.BaseSchema

const range = (low: number | undefined, high: number | undefined, unit: string): string => {
  if (low === undefined && high === undefined) return ''
  if (low === undefined) return ` up to ${high}${unit}`
  return high === undefined ? ` from ${low}${unit}` : ` ${low} to ${high}${unit}`
}

/** Bounds that only say what a JavaScript number can hold say nothing to a reader. */
const isBound = (n: number | undefined): n is number => n !== undefined && Math.abs(n) < Number.MAX_SAFE_INTEGER

const shape = (schema: Schema): string => {
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => shape(one as Schema)).join(' | ')
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.type)) return schema.type.map((type) => shape({ ...schema, type })).join(' | ')
  switch (schema.type) {
    case 'string':
      return schema.format === 'date-time'
        ? 'instant'
        : `string${range(schema.minLength, schema.maxLength, ' characters')}`
    case 'integer':
    case 'number': {
      const { minimum, maximum } = schema
      const low = isBound(minimum) ? minimum : undefined
      return `${schema.type}${range(low, isBound(maximum) ? maximum : undefined, '')}`
    }
    case 'array': {
      const item = shape(schema.items as Schema)
      return `list of ${/^[^{]* \| /.test(item) ? `(${item})` : item}`
    }
    case 'object':
      if (schema.properties === undefined) return `map of ${shape(schema.additionalProperties as Schema)}`
      return `{ ${Object.entries(schema.properties)
        .map(([name, one]) => `${name}: ${shape(one as Schema)}`)
        .join(', ')} }`.replace('{  }', '{}')
    default:
      return schema.type ?? 'any'
  }
}

const shapeOf = (schema: z.ZodType): string => shape(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))

const who = {
  anyone: 'anyone, also before authentication',
  user: 'every authenticated socket',
  admin: 'administrators',
  owner: 'the owner',
} as const

const sensitive = { always: ' Sensitive.', 'where it widens rights': ' Sensitive where it widens rights.' } as const

const errorsOf = ({ errors: own, sensitive }: Command): readonly ErrorCode[] =>
  sensitive === undefined ? own : [...own, 'step_up_required']

const commandText = (type: string, command: Command): string => {
  const fields = Object.entries(command.input)
  const rows = fields.map(([name, schema]) => {
    const optional = schema instanceof z.ZodType && schema.safeParse(undefined).success
    const text = shapeOf(schema as z.ZodType).replace(/ \| null$/, '')
    return `| \`${name}\`${optional ? ' (optional)' : ''} | ${text.replaceAll('|', '\\|')} |`
  })
  const answer =
    command.reply === 'pong' ? '`{"id": …, "type": "pong"}`, and no result' : `\`${shapeOf(command.result)}\``
  const codes = errorsOf(command)
  return [
    `#### \`${type}\``,
    '',
    `${command.doc} For ${who[command.needs]}.${command.sensitive === undefined ? '' : sensitive[command.sensitive]}`,
    '',
    ...(rows.length > 0 ? ['| field | |', '|---|---|', ...rows, ''] : []),
    `Answer: ${answer}.${codes.length > 0 ? ` Errors: ${codes.map((code) => `\`${code}\``).join(', ')}.` : ''}`,
    '',
  ].join('\n')
}

const general: readonly ErrorCode[] = [
  'invalid_format',
  'id_reuse',
  'unknown_command',
  'unauthorized',
  'unknown_error',
  'temporarily_unavailable',
  'rate_limited',
]

export const commandReference = (): string => {
  const texts = [...commands].map(([type, command]) => commandText(type, command))
  return texts.join('\n')
}

export const errorReference = (): string => {
  const rows = Object.entries(errors).map(([code, text]) => {
    const any = general.includes(code as ErrorCode) ? 'any' : ''
    const by = [...commands]
      .filter(([, command]) => errorsOf(command).includes(code as ErrorCode))
      .map(([type]) => `\`${type}\``)
    return `| \`${code}\` | ${text} | ${any || by.join(', ')} |`
  })
  const translated = Object.entries(translations).map(([key, text]) => {
    const names = { username: '{username}', new_username: '{new_username}' }
    return `| \`${key}\` | ${text(names)} |`
  })
  return [
    '| code | message | of |',
    '|---|---|---|',
    ...rows,
    '',
    'A `home_assistant_error` that clients have a text of their own for has a `translation_key`, `translation_placeholders`',
    'and `translation_domain: "auth"` besides:',
    '',
    '| translation_key | message |',
    '|---|---|',
    ...translated,
    '',
  ].join('\n')
}

export const closeReference = (): string => {
  const rows = Object.values(closes)
    .sort((a, b) => a.code - b.code)
    .map(({ code, next, doc }) => `| ${code} | ${doc} | ${next} |`)
  return ['| code | why | next |', '|---|---|---|', ...rows, ''].join('\n')
}

export const oauthReference = (): string =>
  [
    '| error | status |',
    '|---|---|',
    ...Object.entries(oauthErrors).map(([error, status]) => `| \`${error}\` | ${status} |`),
    '',
  ].join('\n')

export const deviationReference = (): string => {
  const rows = Object.entries(deviations).map(
    ([name, { homeAssistant, latchkey, reason }]) => `| ${name} | ${homeAssistant} | ${latchkey} | ${reason} |`,
  )
  return ['| what | Home Assistant | Latchkey | why |', '|---|---|---|---|', ...rows, ''].join('\n')
}
