/** The commands about one's own account. Shapes and error codes are Home Assistant's. */
import { z } from 'zod'
import { command, optional } from './command.ts'

const instant = z.iso.datetime({ offset: true })

export const profile = {
  'auth/current_user': command({
    doc: 'Describe the user of this socket.',
    needs: 'user',
    input: {},
    result: z.strictObject({
      id: z.string(),
      name: z.string().nullable(),
      is_owner: z.boolean(),
      is_admin: z.boolean(),
      credentials: z.array(z.strictObject({ auth_provider_type: z.string(), auth_provider_id: z.string().nullable() })),
      mfa_modules: z.array(z.strictObject({ id: z.string(), name: z.string(), enabled: z.boolean() })),
    }),
    errors: [],
  }),

  'auth/permissions': command({
    doc: 'Tell what the user of this socket may do: the policies of all their groups in one.',
    needs: 'user',
    input: {},
    result: z.record(z.string(), z.unknown()),
    errors: [],
  }),

  'auth/check': command({
    doc: 'Ask whether the user of this socket may do something to an object: `read`, `control` or `edit` it.',
    needs: 'user',
    input: { category: z.string().max(64), object: z.string().max(1024), key: z.string().max(64) },
    result: z.boolean(),
    errors: [],
  }),

  'auth/refresh_tokens': command({
    doc: "List one's own refresh tokens, the session of this socket marked as current.",
    needs: 'user',
    input: {},
    result: z.array(
      z.strictObject({
        auth_provider_type: z.string().nullable(),
        client_icon: z.string().nullable(),
        client_id: z.string().nullable(),
        client_name: z.string().nullable(),
        created_at: instant,
        expire_at: instant.nullable(),
        id: z.string(),
        is_current: z.boolean(),
        last_used_at: instant.nullable(),
        last_used_ip: z.string().nullable(),
        type: z.enum(['normal', 'long_lived_access_token', 'system']),
      }),
    ),
    errors: [],
  }),

  'auth/delete_refresh_token': command({
    doc: "Revoke one of one's own refresh tokens. Its sockets are closed; this one too, after the answer, if it is its own.",
    needs: 'user',
    input: { refresh_token_id: z.string() },
    result: z.strictObject({}),
    errors: ['invalid_token_id'],
    endsSelf: true,
  }),

  'auth/delete_all_refresh_tokens': command({
    doc: "Revoke all of one's own refresh tokens, or those of one type; the session of this socket last, or not at all.",
    needs: 'user',
    input: { token_type: optional(z.string()), delete_current_token: optional(z.boolean()) },
    result: z.strictObject({}),
    errors: ['token_removing_error'],
    endsSelf: true,
  }),

  'auth/refresh_token_set_expiry': command({
    doc: "Let one of one's own refresh tokens end when it is not used, or never.",
    needs: 'user',
    input: { refresh_token_id: z.string(), enable_expiry: z.boolean() },
    result: z.strictObject({}),
    errors: ['invalid_token_id'],
  }),

  'auth/sign_path': command({
    doc: 'Sign a path of this server, so that it can be fetched without a header for some seconds.',
    needs: 'user',
    input: { path: z.string().max(8192), expires: optional(z.int().min(1).max(31_536_000)) },
    result: z.strictObject({ path: z.string() }),
    // What is no path is unknown_error in Home Assistant.
    errors: [],
  }),

  'config/auth_provider/homeassistant/change_password': command({
    doc: "Change one's own password. All other sessions of the user end.",
    needs: 'user',
    sensitive: 'always',
    input: { current_password: z.string(), new_password: z.string() },
    result: z.null(),
    errors: ['credentials_not_found', 'invalid_current_password', 'home_assistant_error', 'overloaded'],
  }),

  'auth/long_lived_access_token': command({
    doc: 'Create an access token that lives for some days and is shown once.',
    needs: 'user',
    sensitive: 'always',
    input: {
      // A length is judged in code points by nobody who matters: the bound only keeps rows small.
      client_name: z.string().min(1).max(200),
      client_icon: optional(z.string().max(200)),
      lifespan: z.int().min(1).max(3650),
    },
    result: z.string(),
    // A name that is taken is unknown_error in Home Assistant, and its clients know no other.
    errors: [],
  }),
} as const

export type ProfileCommands = typeof profile
