/** A configuration as the gateway wants it: numbers, lists and rules without their keys. */
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { isLoopback } from './auth/address.ts'
import type { Config } from './config/settings.ts'
import type { GatewayOptions } from './gateway/gateway.ts'

/** Bytes for all slow readers together: a quarter of what the process may have, and no more than 1 GiB. */
const backlogLimit = (wanted: Config['limits.outbox_total']): number => {
  if (wanted !== 'auto') return wanted
  // 0 or a number beyond all memory: no bound is set from outside.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY
  return Math.min(1024 ** 3, getHeapStatistics().heap_size_limit / 4, totalmem() / 4, constrained / 4)
}

/** `sockets`: how many sockets the process has descriptors for; `isTight`: whether it is short of memory. */
export const gatewayOptions = (
  config: Config,
  { sockets, isTight, strict }: { readonly sockets: number; readonly isTight: () => boolean; readonly strict: boolean },
): GatewayOptions => ({
  scheme: config['server.tls.cert'] === undefined && !config['server.behind_tls_proxy'] ? 'http' : 'https',
  haVersion: config['home_assistant.version'],
  connection: {
    plainClose: config['home_assistant.plain_close'],
    messageBeforeAuth: config['limits.message_before_auth'],
  },
  expiry: config['sessions.socket_lifetime'] === 'grant' ? null : { noticeMs: config['sessions.expiry_notice'] },
  authTimeoutMs: config['limits.auth_timeout'],
  messagesPerSecond: config['limits.messages_per_second'],
  sockets: {
    total: config['limits.unauthenticated_sockets.total'],
    perAddress: config['limits.unauthenticated_sockets.per_address'],
    sockets,
    isTight,
  },
  outbox: { bytes: config['limits.outbox'], total: backlogLimit(config['limits.outbox_total']) },
  accessTokenMs: config['tokens.access_token_lifetime'],
  refreshTokenIdleMs: config['tokens.refresh_token_idle'],
  rotationWindowMs: config['tokens.rotation_window'],
  codeLifetimeMs: config['tokens.authorization_code_lifetime'],
  flowLifetimeMs: config['limits.login_flows.lifetime'],
  flowCaps: { total: config['limits.login_flows.total'], perNetwork: config['limits.login_flows.per_address'] },
  newUsers: {
    begin: config['users.new_users'],
    pending: config['limits.pending_users.total'],
    pendingMs: config['limits.pending_users.lifetime'],
  },
  trustedProxies: config['server.trusted_proxies'],
  origins: {
    externalUrl: config['server.external_url'] ?? null,
    allowedOrigins: config['server.allowed_origins'],
    trustedHosts: config['security.trusted_hosts'],
    onLoopback: config['server.host'] === 'localhost' || isLoopback(config['server.host']),
  },
  strictOrigins: config['server.strict_origins'],
  bans: {
    failures: config['security.bans.failures'],
    withinMs: config['security.bans.within'],
    forMs: config['security.bans.for'],
  },
  fetchPrivate: config['clients.fetch_private'],
  policyCategories: config['policy.categories'],
  strict,
})
