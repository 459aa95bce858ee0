/** A gateway inside a program of yours: its configuration, its own commands and events, and what it can do with them. */
import type { Location } from './auth/policy.ts'
import type { Clock } from './clock.ts'
import { readConfig } from './config/config.ts'
import type { ConfigObject } from './config/object.ts'
import type { HandlersOf, Publish } from './gateway/handlers.ts'
import { createLog, type Log } from './log.ts'
import { type Running, start } from './main.ts'
import type { AnyCommand, EventType } from './protocol/application.ts'

interface BaseOptions<Es> {
  /** In the shape of `latchkey.yaml`. Neither that file nor the environment is read. */
  readonly config?: ConfigObject
  /** A pino logger. Without one the lines go to standard output, as `log` in the configuration says, else as JSON. */
  readonly log?: Log
  /** Time, for tests. */
  readonly clock?: Clock
  /** Finds an entity's device and area, for policies that name these. */
  readonly locate?: (entityId: string) => Location | undefined
  /** Event types for `subscribe_events`, made by `eventType()`. */
  readonly events?: Es
  /** For tests: every answer is held against its declaration, and one that does not fit is `unknown_error`. */
  readonly strict?: boolean
  /** Also count what the process itself uses; for one gateway in a process. */
  readonly processMetrics?: boolean
}

type Commands = Readonly<Record<string, AnyCommand>>
type Events = Readonly<Record<string, EventType>>
type Nothing = Readonly<Record<never, never>>

export interface PlainOptions<Es extends Events = Nothing> extends BaseOptions<Es> {
  readonly commands?: undefined
  readonly handlers?: undefined
}

export interface GatewayOptions<Cs extends Commands, Es extends Events = Nothing> extends BaseOptions<Es> {
  /** Commands of your own, made by `command()`. */
  readonly commands: Cs
  /** What answers each. */
  readonly handlers: HandlersOf<{ readonly commands: Cs; readonly events: Es }>
}

export interface Gateway<App = Nothing> {
  /** `http://127.0.0.1:8123` */
  readonly url: string
  /** The address of `/healthz`, `/readyz` and `/metrics`. */
  readonly adminUrl: string
  /** Where to make the owner; null once there was one when it started. */
  readonly setUpUrl: string | null
  readonly publish: Publish<App>
  /** Reads certificate and key anew, while open sockets go on. What is wrong with them is logged, and the former stay. */
  renewTls(): Promise<void>
  /**
   * Takes nothing new, finishes what is under way, closes the sockets with 4000 and then the store. Calling it again does
   * nothing more.
   */
  close(): Promise<void>
}

/**
 * Starts a gateway, as many in one process as there are data directories. Rejects with `ConfigError`; with a `TypeError` that
 * has a line for each declaration that is wrong; with `StoreRefused` or `TlsRefused`; or with the system's error where a port
 * cannot be had. Nothing is left open then.
 */
export function createGateway<Cs extends Commands, Es extends Events = Nothing>(
  options: GatewayOptions<Cs, Es>,
): Promise<Gateway<{ readonly commands: Cs; readonly events: Es }>>
export function createGateway<Es extends Events = Nothing>(
  options?: PlainOptions<Es>,
): Promise<Gateway<{ readonly events: Es }>>
export async function createGateway(
  options: GatewayOptions<Commands, Events> | PlainOptions<Events> = {},
  // What is published is typed by what the caller declares: the signatures above say how.
): Promise<unknown> {
  const { config: given = {}, clock, locate, commands, events, handlers, strict, processMetrics } = options
  const config = readConfig({ object: given })
  const log = options.log ?? createLog(config.log ?? 'json')
  const running = await start(config, log, {
    ...(clock === undefined ? {} : { clock }),
    ...(locate === undefined ? {} : { locate }),
    ...(strict === undefined ? {} : { strict }),
    ...(processMetrics === undefined ? {} : { processMetrics }),
    application: {
      ...(commands === undefined ? {} : { commands }),
      ...(events === undefined ? {} : { events }),
      ...(handlers === undefined ? {} : { handlers }),
    },
  })
  return {
    url: running.url,
    adminUrl: running.adminUrl,
    setUpUrl: running.setUpUrl,
    publish: running.publish,
    renewTls: () => running.renew(),
    close: () => running.stop(),
  } satisfies Omit<Gateway, 'publish'> & Pick<Running, 'publish'>
}
