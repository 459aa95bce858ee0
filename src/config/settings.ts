/** What can be set, with its default. A key exists only when it works. */
import { z } from 'zod'
import { isRange } from '../auth/address.ts'

const DURATION = /^(\d+)(ms|s|m|h|d)$/
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZE = /^(\d+)(B|KiB|MiB)$/
const UNIT_BYTES = { B: 1, KiB: 1024, MiB: 1024 * 1024 }

/** `90d`, `10m`, `250ms`; in milliseconds. */
const duration = (minMs: number, maxMs: number) =>
  z
    .string()
    .regex(DURATION, 'a duration such as 30s, 10m or 90d')
    .transform((text) => {
      const [, amount, unit] = DURATION.exec(text)!
      return Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]
    })
    .refine((ms) => ms >= minMs && ms <= maxMs, `a duration from ${minMs} ms to ${maxMs} ms`)

/** `64KiB`, `4MiB`; in bytes. */
const size = (min: number, max: number) =>
  z
    .string()
    .regex(SIZE, 'a size such as 16KiB or 4MiB')
    .transform((text) => {
      const [, amount, unit] = SIZE.exec(text)!
      return Number(amount) * UNIT_BYTES[unit as keyof typeof UNIT_BYTES]
    })
    .refine((bytes) => bytes >= min && bytes <= max, `a size from ${min} to ${max} bytes`)

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `a whole number from ${min} to ${max}`)

/** Texts separated by commas; none for an empty text. */
const list = (fits: (item: string) => boolean, wanted: string) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .refine((items) => items.every(fits), wanted)

export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const loopback = z.string().refine(isLoopbackHost, 'a loopback address: this listener has no TLS')

const yesOrNo = z
  .enum(['true', 'false'], 'true or false')
  .transform((text) => text === 'true')
  .prefault('false')

/** An origin as browsers write it: scheme, host and a port that is not the scheme's own. */
const isOrigin = (text: string): boolean =>
  /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text

/** A Host value: a name or an address, with a port if it is not the scheme's own. */
const isHost = (text: string): boolean =>
  /^[^/?#@\s]+$/.test(text) && URL.canParse(`http://${text}`) && new URL(`http://${text}`).host === text

/** A category of policies besides `entities`. */
const isCategory = (text: string): boolean => /^[a-z][a-z0-9_]{0,63}$/.test(text) && text !== 'entities'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 86_400_000
const KIB = 1024
const MIB = 1024 * KIB

/** Every key by its path. Values are texts, as the environment gives them; the default is a text too. */
export const settings = {
  data_dir: z.string().min(1, 'a folder').default('./data'),
  log: z.enum(['json', 'pretty'], 'json or pretty').optional(),
  'server.host': z.string().min(1, 'an address').default('127.0.0.1'),
  'server.port': integer(0, 65535).prefault('8123'),
  'server.transport': z.enum(['auto', 'uws', 'ws'], 'auto, uws or ws').default('auto'),
  'server.tls.cert': z.string().min(1, 'a file').optional(),
  'server.tls.key': z.string().min(1, 'a file').optional(),
  'server.behind_tls_proxy': yesOrNo,
  'server.trusted_proxies': list(isRange, 'CIDRs and addresses, separated by commas').prefault(''),
  'server.external_url': z
    .string()
    .transform((text) => text.replace(/\/$/, ''))
    .refine(isOrigin, 'an http or https address without a path, as https://auth.example.com')
    .optional(),
  'server.allowed_origins': list(isOrigin, 'origins such as https://app.example.com, separated by commas').prefault(''),
  'server.strict_origins': yesOrNo,
  'server.admin.host': loopback.default('127.0.0.1'),
  'server.admin.port': integer(0, 65535).optional(),
  'security.trusted_hosts': list(isHost, 'host names in lower case, each with its port if it has one').prefault(''),
  'security.bans.failures': integer(0, 100_000).prefault('10'),
  'security.bans.within': duration(SECOND, DAY).prefault('10m'),
  'security.bans.for': duration(SECOND, 365 * DAY).prefault('1h'),
  'clients.fetch_private': yesOrNo,
  'policy.categories': list(isCategory, 'names such as topics, separated by commas; entities is always one').prefault(
    '',
  ),
  'hashing.memory': size(8 * MIB, 1024 * MIB).prefault('19MiB'),
  'hashing.time': integer(1, 100).prefault('2'),
  'hashing.parallelism': integer(1, 16).prefault('1'),
  'hashing.concurrency': z
    .union([z.literal('auto'), integer(1, 64)], 'auto or a whole number from 1 to 64')
    .prefault('auto'),
  'hashing.queue': integer(0, 100_000).prefault('200'),
  'tokens.access_token_lifetime': duration(SECOND, DAY).prefault('30m'),
  'tokens.refresh_token_idle': duration(MINUTE, 3650 * DAY).prefault('90d'),
  'tokens.authorization_code_lifetime': duration(SECOND, 10 * MINUTE).prefault('10m'),
  'tokens.rotation_window': duration(SECOND, MINUTE).prefault('10s'),
  'sessions.socket_lifetime': z.enum(['grant', 'access_token'], 'grant or access_token').default('grant'),
  'sessions.expiry_notice': duration(SECOND, DAY).prefault('60s'),
  'users.new_users': z.enum(['pending', 'active'], 'pending or active').default('pending'),
  'limits.message_before_auth': size(KIB, 16 * MIB).prefault('16KiB'),
  'limits.max_message': size(KIB, 16 * MIB).prefault('64KiB'),
  'limits.auth_timeout': duration(SECOND, 10 * MINUTE).prefault('10s'),
  'limits.messages_per_second': integer(10, 10_000_000).prefault('10000'),
  'limits.unauthenticated_sockets.total': integer(1, 10_000_000).prefault('20000'),
  'limits.unauthenticated_sockets.per_address': integer(1, 10_000_000).prefault('200'),
  'limits.login_flows.total': integer(1, 10_000_000).prefault('10000'),
  'limits.login_flows.per_address': integer(1, 10_000_000).prefault('100'),
  'limits.login_flows.lifetime': duration(SECOND, 60 * MINUTE).prefault('10m'),
  'limits.pending_users.total': integer(0, 1000).prefault('1000'),
  'limits.pending_users.lifetime': duration(MINUTE, 365 * DAY).prefault('30d'),
  'limits.outbox': size(64 * KIB, 1024 * MIB).prefault('4MiB'),
  'limits.outbox_total': z
    .union([z.literal('auto'), size(64 * KIB, 1024 * 1024 * MIB)], 'auto or a size such as 256MiB')
    .prefault('auto'),
  'home_assistant.version': z
    .string()
    .regex(/^\d+\.\d+(\.\d+)?$/, 'a version such as 2025.6.3')
    .default('2025.6.3'),
  'home_assistant.plain_close': yesOrNo,
} as const

export type Key = keyof typeof settings
export type Config = { readonly [K in Key]: z.output<(typeof settings)[K]> }

/** The default as a text; null where there is none. */
export const defaultOf = (key: Key): string | null => {
  const { def } = settings[key] as unknown as { def: { defaultValue?: unknown } }
  return typeof def.defaultValue === 'string' ? def.defaultValue : null
}

export const isKey = (text: string): text is Key => Object.hasOwn(settings, text)

/** True for what begins the paths of keys, as `server`. */
export const isGroup = (path: string): boolean => Object.keys(settings).some((key) => key.startsWith(`${path}.`))

/** What could have been meant: the keys of the same group, or the groups. */
export const knownIn = (group: string): string => {
  const prefix = group === '' ? '' : `${group}.`
  const names = Object.keys(settings)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).split('.')[0]!)
  return [...new Set(names)].join(', ')
}
