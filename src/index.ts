/** For a program that starts a gateway of its own. */
export { type Clock, systemClock } from './clock.ts'
export { ConfigError, readConfig, type Sources } from './config/config.ts'
export type { Config } from './config/settings.ts'
export { createLog, type Log } from './log.ts'
export { type Running, type StartOptions, start } from './main.ts'
export { StoreRefused } from './store/store.ts'
