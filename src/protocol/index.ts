/** What crosses the wire: frames, commands, errors and close codes, for servers, browsers and devices alike. */
export { z } from 'zod'
export { type Application, type EventType, eventType } from './application.ts'
export {
  type Command,
  command,
  type Errors,
  type FieldsOf,
  type InputOf,
  type Needs,
  optional,
  type ResultOf,
} from './command.ts'
export { type AllCommands, commands } from './commands.ts'
export { type CloseName, type CommandError, closes, type ErrorCode, errors, oauthErrors } from './errors.ts'
export { authFrame, PROTOCOL_VERSION } from './frames.ts'
export type { AbortStep, DoneStep, FlowStep, FormField, FormStep, Handler, TokenAnswer } from './http.ts'
export type { AdministrationEvent, SessionEvent } from './sessions.ts'
export type { User } from './user.ts'
