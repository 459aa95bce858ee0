/** The tables as Kysely sees them, and rows turned into the model's data. */
import type {
  Approval,
  AuthCode,
  Change,
  Credential,
  Digest,
  Flow,
  FlowPurpose,
  Group,
  GroupId,
  Policy,
  Purpose,
  RefreshToken,
  User,
} from './model.ts'

export interface Tables {
  auth_head: { one: number; log_id: string; pepper_check: Uint8Array; seq: number }
  auth_change: { seq: number; mark: string; kind: string; subject: string; data: string; at: number }
  auth_user: {
    id: string
    name: string | null
    is_owner: number
    is_active: number
    local_only: number
    system_generated: number
    groups: string
    position: number
    /** null: nobody has to decide about this user. */
    approval: string | null
    approval_until: number | null
  }
  auth_group: { id: string; name: string; name_key: string; policy: string; version: number; position: number }
  auth_credential: { id: string; user_id: string; provider_type: string; provider_id: string; subject: string }
  auth_password: { username: string; hash: string }
  auth_grant: {
    id: string
    user_id: string
    credential_id: string | null
    type: string
    client_id: string | null
    client_name: string | null
    client_icon: string | null
    secret_hash: Uint8Array | null
    /** null: it does not rotate. */
    generation: number | null
    attempt: Uint8Array | null
    answered_at: number | null
    salt: Uint8Array
    code_hash: Uint8Array | null
    access_token_seconds: number
    created_at: number
    expire_at: number | null
    last_used_at: number | null
    last_used_ip: string | null
  }
  auth_code: {
    hash: Uint8Array
    client_id: string
    credential_id: string
    user_id: string
    redirect_uri: string | null
    challenge: string | null
    purpose: string
    expires_at: number
    presented: number
  }
  auth_onboarding: { step: string }
  auth_place: { username: string; network: string; expires_at: number }
  auth_ban: { network: string; ends_at: number }
  auth_flow: {
    id: string
    version: number
    address: string
    network: string
    client_id: string
    redirect_uri: string
    provider_type: string
    provider_id: string | null
    challenge: string | null
    purpose: string
    expires_at: number
    waits_for: string | null
    waits_until: number | null
  }
}

export const toUser = (row: Omit<Tables['auth_user'], 'position'>): User => ({
  id: row.id as User['id'],
  name: row.name,
  isOwner: row.is_owner === 1,
  isActive: row.is_active === 1,
  localOnly: row.local_only === 1,
  systemGenerated: row.system_generated === 1,
  groups: JSON.parse(row.groups) as GroupId[],
  ...(row.approval === null
    ? {}
    : { approval: { state: row.approval as Approval['state'], until: row.approval_until ?? 0 } }),
})

export const fromUser = (user: User): Omit<Tables['auth_user'], 'position'> => ({
  id: user.id,
  name: user.name,
  is_owner: Number(user.isOwner),
  is_active: Number(user.isActive),
  local_only: Number(user.localOnly),
  system_generated: Number(user.systemGenerated),
  groups: JSON.stringify(user.groups),
  approval: user.approval?.state ?? null,
  approval_until: user.approval?.until ?? null,
})

export const toGroup = (row: Tables['auth_group']): Group => ({
  id: row.id as GroupId,
  name: row.name,
  policy: JSON.parse(row.policy) as Policy,
  version: row.version,
  position: row.position,
})

export const fromGroup = ({ policy, ...group }: Group): Omit<Tables['auth_group'], 'name_key'> => ({
  ...group,
  policy: JSON.stringify(policy),
})

export const toCredential = (row: Tables['auth_credential']): Credential => ({
  id: row.id as Credential['id'],
  userId: row.user_id as Credential['userId'],
  providerType: row.provider_type,
  providerId: row.provider_id === '' ? null : row.provider_id,
  subject: row.subject,
})

export const fromCredential = (credential: Credential): Tables['auth_credential'] => ({
  id: credential.id,
  user_id: credential.userId,
  provider_type: credential.providerType,
  provider_id: credential.providerId ?? '',
  subject: credential.subject,
})

export const toToken = (row: Tables['auth_grant']): RefreshToken => ({
  id: row.id as RefreshToken['id'],
  userId: row.user_id as RefreshToken['userId'],
  credentialId: row.credential_id as RefreshToken['credentialId'],
  type: row.type as RefreshToken['type'],
  clientId: row.client_id,
  clientName: row.client_name,
  clientIcon: row.client_icon,
  secretHash: row.secret_hash as Digest | null,
  rotation:
    row.generation === null
      ? null
      : { generation: row.generation, attempt: row.attempt as Digest | null, answeredAt: row.answered_at ?? 0 },
  salt: row.salt,
  codeHash: row.code_hash as Digest | null,
  accessTokenSeconds: row.access_token_seconds,
  createdAt: row.created_at,
  expireAt: row.expire_at,
  lastUsedAt: row.last_used_at,
  lastUsedIp: row.last_used_ip,
})

export const fromToken = (token: RefreshToken): Tables['auth_grant'] => ({
  id: token.id,
  user_id: token.userId,
  credential_id: token.credentialId,
  type: token.type,
  client_id: token.clientId,
  client_name: token.clientName,
  client_icon: token.clientIcon,
  secret_hash: token.secretHash,
  generation: token.rotation?.generation ?? null,
  attempt: token.rotation?.attempt ?? null,
  answered_at: token.rotation?.answeredAt ?? null,
  salt: token.salt,
  code_hash: token.codeHash,
  access_token_seconds: token.accessTokenSeconds,
  created_at: token.createdAt,
  expire_at: token.expireAt,
  last_used_at: token.lastUsedAt,
  last_used_ip: token.lastUsedIp,
})

export const toCode = (row: Tables['auth_code']): AuthCode => ({
  hash: row.hash as Digest,
  clientId: row.client_id,
  credentialId: row.credential_id as AuthCode['credentialId'],
  userId: row.user_id as AuthCode['userId'],
  redirectUri: row.redirect_uri,
  challenge: row.challenge,
  purpose: row.purpose as Purpose,
  expiresAt: row.expires_at,
})

export const fromCode = (code: AuthCode): Tables['auth_code'] => ({
  hash: code.hash,
  client_id: code.clientId,
  credential_id: code.credentialId,
  user_id: code.userId,
  redirect_uri: code.redirectUri,
  challenge: code.challenge,
  purpose: code.purpose,
  expires_at: code.expiresAt,
  presented: 0,
})

export const toFlow = (row: Tables['auth_flow']): Flow => ({
  id: row.id as Flow['id'],
  version: row.version,
  address: row.address,
  network: row.network,
  clientId: row.client_id,
  redirectUri: row.redirect_uri,
  providerType: row.provider_type,
  providerId: row.provider_id,
  challenge: row.challenge,
  purpose: row.purpose as FlowPurpose,
  expiresAt: row.expires_at,
  ...(row.waits_for === null ? {} : { waitsFor: { user: row.waits_for as User['id'], until: row.waits_until ?? 0 } }),
})

export const fromFlow = (flow: Flow): Tables['auth_flow'] => ({
  id: flow.id,
  version: flow.version,
  address: flow.address,
  network: flow.network,
  client_id: flow.clientId,
  redirect_uri: flow.redirectUri,
  provider_type: flow.providerType,
  provider_id: flow.providerId,
  challenge: flow.challenge,
  purpose: flow.purpose,
  expires_at: flow.expiresAt,
  waits_for: flow.waitsFor?.user ?? null,
  waits_until: flow.waitsFor?.until ?? null,
})

export const toChange = (row: Tables['auth_change']): Change => ({
  seq: row.seq,
  mark: row.mark,
  kind: row.kind,
  subject: row.subject,
  data: JSON.parse(row.data) as Record<string, string>,
  at: row.at,
})
