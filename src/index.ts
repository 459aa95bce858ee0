/** For a program that starts a gateway of its own. */
export { type Clock, systemClock } from './clock.ts'
export { type Config, ConfigError, readConfig } from './config.ts'
export { createLog, type Log } from './log.ts'
export { type Running, type StartOptions, start } from './main.ts'
export { StoreRefused } from './store/store.ts'
