/** For a program that starts a gateway of its own. */
export type { Location } from './auth/policy.ts'
export { type Clock, systemClock, type Timer } from './clock.ts'
export { ConfigError } from './config/config.ts'
export type { ConfigObject } from './config/object.ts'
export { createGateway, type Gateway, type GatewayOptions, type PlainOptions } from './create-gateway.ts'
export type { Refusal } from './gateway/dispatch.ts'
export type {
  CommandContext,
  HandlersOf,
  Publish,
  Subscribed,
  SubscriptionContext,
  To,
} from './gateway/handlers.ts'
export { createLog, type Log } from './log.ts'
export { StoreRefused } from './store/store.ts'
export { TlsRefused } from './transport/tls.ts'
