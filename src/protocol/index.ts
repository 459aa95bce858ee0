/** What crosses the wire: frames, commands, errors and close codes, for servers, browsers and devices alike. */
export type { Command, FieldsOf, InputOf, Needs, ResultOf } from './command.ts'
export { type AllCommands, commands } from './commands.ts'
export { type CloseName, type CommandError, closes, type ErrorCode, errors, oauthErrors } from './errors.ts'
export { authFrame, PROTOCOL_VERSION } from './frames.ts'
export type { AbortStep, DoneStep, FlowStep, FormField, FormStep, Handler, TokenAnswer } from './http.ts'
export type { AdministrationEvent, SessionEvent } from './sessions.ts'
