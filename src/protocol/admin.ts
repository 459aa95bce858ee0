/** The commands about other people's accounts. Shapes and error codes are Home Assistant's. */
import { z } from 'zod'
import { command, optional } from './command.ts'

const user = z.strictObject({
  id: z.string(),
  username: z.string().nullable(),
  name: z.string().nullable(),
  is_owner: z.boolean(),
  is_active: z.boolean(),
  local_only: z.boolean(),
  system_generated: z.boolean(),
  group_ids: z.array(z.string()),
  credentials: z.array(z.strictObject({ type: z.string() })),
  /** Of users whom nobody has let in. */
  approval: z.enum(['pending', 'rejected']).optional(),
})

const name = z.string().max(200)
const groups = z.array(z.string()).max(100)
const username = z.string()
const password = z.string()

export const admin = {
  'config/auth/list': command({
    doc: 'List all users, those of the system included.',
    needs: 'admin',
    input: {},
    result: z.array(user),
    errors: [],
  }),

  'config/auth/create': command({
    doc: 'Make a user, active and without credentials. A group widens rights.',
    needs: 'admin',
    sensitive: 'where it widens rights',
    input: { name, group_ids: optional(groups), local_only: optional(z.boolean()) },
    result: z.strictObject({ user }),
    // A group that does not exist is unknown_error in Home Assistant.
    errors: [],
  }),

  'config/auth/update': command({
    doc: 'Change a user. Deactivating ends all sessions of the user. A group that the user was not in widens rights.',
    needs: 'admin',
    sensitive: 'where it widens rights',
    input: {
      user_id: z.string(),
      name: optional(name),
      is_active: optional(z.boolean()),
      group_ids: optional(groups),
      local_only: optional(z.boolean()),
    },
    result: z.strictObject({ user }),
    errors: ['not_found', 'cannot_modify_system_generated', 'cannot_deactivate_owner'],
    endsSelf: true,
  }),

  'config/auth/delete': command({
    doc: 'Remove a user with credentials and sessions.',
    needs: 'admin',
    input: { user_id: z.string() },
    result: z.null(),
    errors: ['no_delete_self', 'not_found', 'cannot_delete_owner'],
  }),

  'config/auth/approve': command({
    doc: 'Let a user in who waits for approval, or who was rejected. Logins of the user that wait go on at once.',
    needs: 'admin',
    input: { user_id: z.string() },
    result: z.strictObject({ user }),
    errors: ['not_found', 'not_pending'],
  }),

  'config/auth/reject': command({
    doc: 'Turn a user away who waits for approval. Logins of the user that wait end at once.',
    needs: 'admin',
    input: { user_id: z.string() },
    result: z.strictObject({ user }),
    errors: ['not_found', 'not_pending'],
  }),

  'config/auth_provider/homeassistant/create': command({
    doc: 'Give a user a user name and a password. Only the owner gives the owner one.',
    needs: 'admin',
    sensitive: 'always',
    input: { user_id: z.string(), username, password },
    result: z.null(),
    errors: ['unauthorized', 'not_found', 'system_generated', 'home_assistant_error', 'overloaded'],
  }),

  'config/auth_provider/homeassistant/delete': command({
    doc: 'Take a user name away, with the sessions made with it. Only the owner takes the owner’s away.',
    needs: 'admin',
    input: { username },
    result: z.null(),
    errors: ['unauthorized', 'home_assistant_error'],
    endsSelf: true,
  }),

  'config/auth_provider/homeassistant/admin_change_password': command({
    doc: 'Set the password of a user. All sessions of the user end.',
    needs: 'owner',
    sensitive: 'always',
    input: { user_id: z.string(), password },
    result: z.null(),
    errors: ['user_not_found', 'credentials_not_found', 'home_assistant_error', 'overloaded'],
    endsSelf: true,
  }),

  'config/auth_provider/homeassistant/admin_change_username': command({
    doc: 'Change the user name of a user. Sessions go on.',
    needs: 'owner',
    input: { user_id: z.string(), username },
    result: z.null(),
    errors: ['user_not_found', 'credentials_not_found', 'home_assistant_error'],
  }),
} as const

export type AdminCommands = typeof admin
