/** The schema, step by step and only forwards. Integers, text and bytes alone, so that SQLite and PostgreSQL share it. */
import { type ColumnDataType, type Kysely, type Migration, sql } from 'kysely'

/** Column types that differ between the dialects. */
export interface Types {
  readonly bytes: ColumnDataType
  readonly bigint: ColumnDataType
}

export const sqliteTypes: Types = { bytes: 'blob', bigint: 'integer' }

/** Each migration runs in one transaction. A name, once released, is never changed. */
export const migrations = ({ bytes, bigint }: Types): Record<string, Migration> => ({
  '0001_begin': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('auth_head')
        .addColumn('one', 'integer', (c) => c.primaryKey().check(sql`one = 1`))
        .addColumn('log_id', 'text', (c) => c.notNull())
        .addColumn('pepper_check', bytes, (c) => c.notNull())
        .addColumn('seq', bigint, (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('auth_change')
        .addColumn('seq', bigint, (c) => c.primaryKey())
        .addColumn('mark', 'text', (c) => c.notNull())
        .addColumn('kind', 'text', (c) => c.notNull())
        .addColumn('subject', 'text', (c) => c.notNull())
        .addColumn('data', 'text', (c) => c.notNull())
        .addColumn('at', bigint, (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('auth_user')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text')
        .addColumn('is_owner', 'integer', (c) => c.notNull())
        .addColumn('is_active', 'integer', (c) => c.notNull())
        .addColumn('local_only', 'integer', (c) => c.notNull())
        .addColumn('system_generated', 'integer', (c) => c.notNull())
        // A JSON array of group ids, in the order in which they were given.
        .addColumn('groups', 'text', (c) => c.notNull())
        // Rises with each user that is made: lists are in that order.
        .addColumn('position', bigint, (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('auth_credential')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('user_id', 'text', (c) => c.notNull().references('auth_user.id').onDelete('cascade'))
        .addColumn('provider_type', 'text', (c) => c.notNull())
        // '' for "no id": null would not be unique.
        .addColumn('provider_id', 'text', (c) => c.notNull())
        .addColumn('subject', 'text', (c) => c.notNull())
        .addUniqueConstraint('auth_credential_subject', ['provider_type', 'provider_id', 'subject'])
        .addUniqueConstraint('auth_credential_user', ['user_id', 'provider_type', 'provider_id'])
        .execute()
      await db.schema
        .createTable('auth_password')
        .addColumn('username', 'text', (c) => c.primaryKey())
        .addColumn('hash', 'text', (c) => c.notNull())
        .execute()
      await db.schema
        .createTable('auth_grant')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('user_id', 'text', (c) => c.notNull().references('auth_user.id').onDelete('cascade'))
        .addColumn('credential_id', 'text', (c) => c.references('auth_credential.id').onDelete('cascade'))
        .addColumn('type', 'text', (c) => c.notNull())
        .addColumn('client_id', 'text')
        .addColumn('client_name', 'text')
        .addColumn('client_icon', 'text')
        .addColumn('secret_hash', bytes, (c) => c.unique())
        .addColumn('salt', bytes, (c) => c.notNull())
        .addColumn('code_hash', bytes, (c) => c.unique())
        .addColumn('access_token_seconds', 'integer', (c) => c.notNull())
        .addColumn('created_at', bigint, (c) => c.notNull())
        .addColumn('expire_at', bigint)
        .addColumn('last_used_at', bigint)
        .addColumn('last_used_ip', 'text')
        .execute()
      await db.schema.createIndex('auth_grant_user').on('auth_grant').column('user_id').execute()
      await db.schema.createIndex('auth_grant_credential').on('auth_grant').column('credential_id').execute()
      await db.schema.createIndex('auth_grant_expire').on('auth_grant').column('expire_at').execute()
      await db.schema
        .createTable('auth_code')
        .addColumn('hash', bytes, (c) => c.primaryKey())
        .addColumn('client_id', 'text', (c) => c.notNull())
        .addColumn('credential_id', 'text', (c) => c.notNull().references('auth_credential.id').onDelete('cascade'))
        .addColumn('user_id', 'text', (c) => c.notNull().references('auth_user.id').onDelete('cascade'))
        .addColumn('redirect_uri', 'text')
        .addColumn('challenge', 'text')
        // `login`: for the token endpoint; `link`: for linking to a user, and never for tokens.
        .addColumn('purpose', 'text', (c) => c.notNull())
        .addColumn('expires_at', bigint, (c) => c.notNull())
        // 0: never presented; 1: presented once; 2: presented again.
        .addColumn('presented', 'integer', (c) => c.notNull())
        .execute()
      await db.schema.createIndex('auth_code_expires').on('auth_code').column('expires_at').execute()
      await db.schema
        .createTable('auth_onboarding')
        .addColumn('step', 'text', (c) => c.primaryKey())
        .execute()
      await db.schema
        .createTable('auth_flow')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('address', 'text', (c) => c.notNull())
        .addColumn('client_id', 'text', (c) => c.notNull())
        .addColumn('redirect_uri', 'text', (c) => c.notNull())
        .addColumn('provider_type', 'text', (c) => c.notNull())
        .addColumn('provider_id', 'text')
        .addColumn('challenge', 'text')
        .addColumn('purpose', 'text', (c) => c.notNull())
        .addColumn('expires_at', bigint, (c) => c.notNull())
        .execute()
      await db.schema.createIndex('auth_flow_address').on('auth_flow').column('address').execute()
      await db.schema.createIndex('auth_flow_expires').on('auth_flow').column('expires_at').execute()
    },
  },
  '0002_bans': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('auth_ban')
        .addColumn('network', 'text', (c) => c.primaryKey())
        .addColumn('ends_at', bigint, (c) => c.notNull())
        .execute()
    },
  },
  '0003_login_places': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Where an account logged in from lately.
      await db.schema
        .createTable('auth_place')
        .addColumn('username', 'text', (c) => c.notNull())
        .addColumn('network', 'text', (c) => c.notNull())
        .addColumn('expires_at', bigint, (c) => c.notNull())
        .addPrimaryKeyConstraint('auth_place_key', ['username', 'network'])
        .execute()
      await db.schema.createIndex('auth_place_expires').on('auth_place').column('expires_at').execute()
      // A flow lives for minutes: those of before are not worth a guess at their network.
      await db.schema
        .alterTable('auth_flow')
        .addColumn('network', 'text', (c) => c.notNull().defaultTo(''))
        .execute()
      await db.schema.createIndex('auth_flow_network').on('auth_flow').column('network').execute()
    },
  },
  '0004_rotation': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable('auth_grant').addColumn('generation', bigint).execute()
      await db.schema.alterTable('auth_grant').addColumn('attempt', bytes).execute()
      await db.schema.alterTable('auth_grant').addColumn('answered_at', bigint).execute()
    },
  },
  '0005_groups': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('auth_group')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull())
        // The form by which names are told apart.
        .addColumn('name_key', 'text', (c) => c.notNull().unique())
        .addColumn('policy', 'text', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull())
        .addColumn('position', bigint, (c) => c.notNull().unique())
        .execute()
    },
  },
  '0006_approval': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable('auth_user').addColumn('approval', 'text').execute()
      await db.schema.alterTable('auth_user').addColumn('approval_until', bigint).execute()
      await db.schema.createIndex('auth_user_approval').on('auth_user').column('approval_until').execute()
      await db.schema.alterTable('auth_flow').addColumn('waits_for', 'text').execute()
      await db.schema.alterTable('auth_flow').addColumn('waits_until', bigint).execute()
    },
  },
  '0007_user_position': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Without it each new user reads all users, to come after the last.
      await db.schema.createIndex('auth_user_position').on('auth_user').column('position').execute()
    },
  },
})
