/** All commands by their type. */
import { type AdminCommands, admin } from './admin.ts'
import { type BanCommands, bans } from './bans.ts'
import type { Command } from './command.ts'
import { type ConnectionCommands, connection } from './connection.ts'
import { type GroupCommands, groups } from './groups.ts'
import { type ProfileCommands, profile } from './profile.ts'
import { type SessionCommands, session } from './session.ts'
import { type SessionsCommands, sessions } from './sessions.ts'
import { type StepUpCommands, stepUp } from './step-up.ts'

export type AllCommands = ConnectionCommands &
  SessionCommands &
  SessionsCommands &
  StepUpCommands &
  ProfileCommands &
  AdminCommands &
  GroupCommands &
  BanCommands

/** A Map and not an object, so that `constructor` is an unknown command like any other. */
export const commands: ReadonlyMap<string, Command> = new Map<string, Command>(
  Object.entries({ ...connection, ...session, ...sessions, ...stepUp, ...profile, ...admin, ...groups, ...bans }),
)
