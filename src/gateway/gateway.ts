/** The gateway: the rules wired to the wire. It is given a store and knows no driver, no file and no process. */
import type { Registry } from 'prom-client'
import { inRanges } from '../auth/address.ts'
import { type BanOptions, createBans } from '../auth/bans.ts'
import { createClientPages } from '../auth/client-pages.ts'
import { createMayRedirect } from '../auth/clients.ts'
import type { PasswordHasher } from '../auth/hashing.ts'
import { createLogin, type NewUsers } from '../auth/login.ts'
import { createOwner } from '../auth/owner.ts'
import { createPasswordCheck } from '../auth/password-check.ts'
import { PermissionCache } from '../auth/permissions.ts'
import type { PolicyOptions } from '../auth/policy.ts'
import { localProvider } from '../auth/providers/local.ts'
import { type Keys, newId } from '../auth/secrets.ts'
import { createSignedPaths } from '../auth/signed-paths.ts'
import { createTokens, type TokenRules } from '../auth/tokens.ts'
import { Verifier } from '../auth/verifier.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { authOk, authRequired } from '../protocol/frames.ts'
import type { ChangeFeed } from '../store/changes.ts'
import type { Ban, GrantId } from '../store/model.ts'
import type { FlowCaps, Store } from '../store/store.ts'
import type { App, HttpResponse } from '../transport/transport.ts'
import { adminHandlers } from './admin.ts'
import { apiRoutes } from './api.ts'
import { type Brought, createApplication, type OwnApplication } from './application.ts'
import { Approvals } from './approvals.ts'
import { Authentication } from './authentication.ts'
import { Backlog } from './backlog.ts'
import { banHandlers } from './bans.ts'
import { createIdentify } from './bearer.ts'
import { Bus } from './bus.ts'
import { Connection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { createDispatch } from './dispatch.ts'
import { Doorway, type DoorwayLimits } from './doorway.ts'
import type { ExpiryOptions } from './expiry.ts'
import { FanOut } from './fan-out.ts'
import { groupHandlers } from './groups.ts'
import { healthRoutes } from './health.ts'
import { Heartbeat } from './heartbeat.ts'
import { banned, commonHeaders, createRouter, json, message } from './http.ts'
import { Hub } from './hub.ts'
import { introspectionRoutes } from './introspection.ts'
import { loginRoutes } from './login.ts'
import { createLoginAttempts } from './login-attempts.ts'
import { createLoginFailures } from './login-failures.ts'
import { metadataRoutes } from './metadata.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { onboardingRoutes, type SetUp } from './onboarding.ts'
import { onboardingStepRoutes } from './onboarding-steps.ts'
import { createOrigins, isLoopbackHost, type OriginOptions } from './origins.ts'
import { type Pages, pageRoutes } from './pages.ts'
import { connectionHandlers, profileHandlers } from './profile.ts'
import { createResolve } from './proxies.ts'
import { startReaper } from './reaper.ts'
import { createRightsText } from './rights.ts'
import { Roster } from './roster.ts'
import { createRotationLog } from './rotation-log.ts'
import { sessionHandlers } from './session.ts'
import { SessionEvents } from './session-events.ts'
import { sessionsHandlers } from './sessions.ts'
import type { ConnectionOptions, Shared } from './shared.ts'
import { stepUpHandlers } from './step-up.ts'
import { tokenRoutes } from './token.ts'
import { createTokenRequests } from './token-requests.ts'

export interface GatewayOptions {
  /** What the public listener speaks. */
  readonly scheme: 'http' | 'https'
  readonly haVersion: string
  readonly connection: ConnectionOptions
  readonly authTimeoutMs: number
  /** null: a socket lives as long as its grant. */
  readonly expiry: ExpiryOptions | null
  readonly messagesPerSecond: number
  readonly sockets: DoorwayLimits
  /** Bytes that may wait for slow readers: for each, and for all together. */
  readonly outbox: { readonly bytes: number; readonly total: number }
  readonly accessTokenMs: number
  readonly refreshTokenIdleMs: number
  readonly rotationWindowMs: number
  readonly codeLifetimeMs: number
  readonly flowLifetimeMs: number
  readonly flowCaps: FlowCaps
  readonly newUsers: NewUsers
  /** CIDRs and addresses whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: readonly string[]
  readonly origins: OriginOptions
  readonly bans: Pick<BanOptions, 'failures' | 'withinMs' | 'forMs'>
  /** True: a browser's handshake from an origin that is not this server's own is refused. */
  readonly strictOrigins: boolean
  /** May pages of client ids be fetched from addresses that are not public? */
  readonly fetchPrivate: boolean
  /** What policies may name besides entities. */
  readonly policyCategories: readonly string[]
  /** Tests: parse every answer against its declaration. */
  readonly strict: boolean
}

export interface GatewayParts {
  readonly store: Store
  readonly feed: ChangeFeed
  readonly keys: Keys
  readonly hasher: PasswordHasher
  readonly clock: Clock
  readonly log: Log
  readonly registry: Registry
  readonly pages: Pages
  /** The origin under which clients reach this server. */
  readonly base: () => string
  /** Finds an entity's device and area, for policies that name these. */
  readonly locate?: PolicyOptions['locate']
  /** Bans from before a restart. */
  readonly banned: readonly Ban[]
  /** True if every step of the set-up was done when this process started: its routes are then gone (Home Assistant's rule). */
  readonly onboarded: boolean
  readonly setUp: Pick<SetUp, 'code' | 'done'>
  /** What the program around it brings; checked. */
  readonly application?: Brought | undefined
}

export interface Gateway {
  /** What the public listener serves. */
  readonly app: App
  /** What the admin listener serves. */
  readonly admin: App
  readonly tokens: TokenRules
  /** How many sockets live on a grant. */
  socketsOf(grant: GrantId): number
  /** Sends one of the application's events. */
  readonly publish: OwnApplication['publish']
  /** Refuses what is new, finishes what is under way, and resolves when the last socket is gone. */
  drain(): Promise<void>
}

const badForwarding = message(400, 'The forwarding headers are not from a trusted proxy.')

/** Of the transport's pings, each of which has to be answered. */
const PINGS_PER_SECOND = 10

const SOCKET_PATH = '/api/websocket'

export const buildGateway = (parts: GatewayParts, options: GatewayOptions): Gateway => {
  const { store, feed, keys, hasher, clock, log } = parts
  const policy: PolicyOptions = { categories: options.policyCategories, locate: parts.locate }
  const permissions = new PermissionCache(policy, (group, why) =>
    log.warn({ group, why }, 'a policy is not valid: what is wrong in it allows nothing'),
  )
  const verifier = new Verifier(store.tokens, feed, keys, clock, permissions)
  const logRotation = createRotationLog(log)
  const tokens = createTokens(store, keys, clock, options, verifier, (shown) => {
    logRotation(shown)
    if (shown.as === 'step' || shown.as === 'ahead') sessionEvents.rotated(shown.grant.token.id, shown.generation)
  })
  const hub = new Hub(verifier, feed)
  const approvals = new Approvals(feed, clock)
  const fanOut = new FanOut()
  const own = createApplication(parts.application ?? {}, {
    bus: (declared) => new Bus(feed, fanOut, declared),
    fanOut,
    clock,
    log,
  })
  const sessionEvents = new SessionEvents(feed)
  const signedPaths = createSignedPaths(verifier, keys, clock)
  const connections = new Roster<Connection>()
  const bans = createBans(
    clock,
    {
      ...options.bans,
      isProxy: inRanges(options.trustedProxies),
      onBan: (ban) => {
        log.warn({ network: ban.network, ends_at: new Date(ban.endsAt).toISOString() }, 'address banned')
        for (const connection of connections.all()) {
          const remaining = bans.remaining(connection.address)
          if (remaining > 0) connection.ban(remaining)
        }
        store.bans.put(ban).catch((error: unknown) => log.warn({ err: error }, 'ban could not be kept'))
      },
    },
    parts.banned,
  )
  const identify = createIdentify(verifier, signedPaths, bans)
  const headers = commonHeaders(options.scheme)
  /** An answer that is given before any route is looked for. */
  const early = (response: HttpResponse): HttpResponse => ({
    ...response,
    headers: { ...headers, ...response.headers },
  })
  const resolve = createResolve(options.trustedProxies, options.scheme)
  const origins = createOrigins(options.origins)
  const backlog = new Backlog(options.outbox.total)
  const metrics: Metrics = createMetrics(parts.registry, {
    sockets: () => hub.size,
    unauthenticated: () => doorway.waiting,
    hashQueue: () => hasher.queued,
    backlog: () => backlog.total,
  })
  const doorway = new Doorway(options.sockets, (why) => metrics.crowded(why))
  const deadlines = new Deadlines(clock)
  const mayRedirect = createMayRedirect(
    createClientPages(clock, {
      fetchPrivate: options.fetchPrivate,
      onFailure: (clientId, err) => log.info({ client_id: clientId, err }, 'client page could not be read'),
    }),
  )
  const checkPassword = createPasswordCheck(store.passwords, store.places, hasher, clock)
  const login = createLogin(store, [localProvider(checkPassword)], clock, {
    flowLifetimeMs: options.flowLifetimeMs,
    codeLifetimeMs: options.codeLifetimeMs,
    caps: options.flowCaps,
    mayRedirect,
    newUsers: options.newUsers,
  })
  const attempts = createLoginAttempts(
    login,
    bans,
    metrics,
    log,
    createLoginFailures(sessionEvents, store.users, clock, log),
  )
  const requests = createTokenRequests(tokens, verifier, bans, metrics, log)
  const shared: Shared = {
    authentication: new Authentication({ verifier, bans, metrics, log }),
    hub,
    connections,
    left: (connection) => {
      connections.remove(connection)
      if (connections.size === 0) gone?.()
    },
    commands: createDispatch({
      handlers: {
        ...connectionHandlers(own.bus),
        ...sessionHandlers({
          providers: login.providers,
          attempts,
          approvals,
          requests,
          users: store.users,
          clock,
          log,
        }),
        ...stepUpHandlers(attempts),
        ...profileHandlers(store.users, store.passwords, hasher, checkPassword, tokens, signedPaths, bans),
        ...sessionsHandlers({ tokens, hub, events: sessionEvents, clock, node: newId() }),
        ...banHandlers(bans, store.bans),
        ...adminHandlers({
          users: store.users,
          passwords: store.passwords,
          hasher,
          clock,
          rejectedMs: options.newUsers.pendingMs,
        }),
        ...groupHandlers(store.groups, policy),
      },
      own: own.commands,
      log,
      strict: options.strict,
    }),
    deadlines,
    watchers: {
      clock,
      deadlines,
      doorway,
      heartbeat: new Heartbeat(clock),
      authTimeoutMs: options.authTimeoutMs,
      loginMs: options.flowLifetimeMs,
      messages: { clock, perSecond: options.messagesPerSecond, burst: 2 * options.messagesPerSecond },
      pings: { clock, perSecond: PINGS_PER_SECOND, burst: PINGS_PER_SECOND },
    },
    standings: { clock, deadlines, expiry: options.expiry, rightsText: createRightsText(policy) },
    outboxes: { bytes: options.outbox.bytes, backlog, deadlines },
    metrics,
    greeting: authRequired(options.haVersion),
    welcome: authOk(options.haVersion),
    options: options.connection,
  }
  const setUp: SetUp = {
    ...parts.setUp,
    scheme: options.scheme,
    createOwner: (request) => createOwner(store, hasher, clock, options.codeLifetimeMs, request),
  }
  const http = createRouter({
    routes: [
      ...loginRoutes({
        providers: login.providers,
        attempts,
        approvals,
        users: store.users,
        isAllowed: origins.isAllowed,
      }),
      ...tokenRoutes(requests),
      ...(parts.onboarded
        ? []
        : [
            ...onboardingRoutes(setUp, store.users, log),
            ...onboardingStepRoutes({ identify, store, clock, mayRedirect, codeLifetimeMs: options.codeLifetimeMs }),
          ]),
      ...introspectionRoutes({ identify, verifier, tokens, grants: store.tokens, base: parts.base }),
      ...apiRoutes({ identify, store, clock }),
      ...metadataRoutes(parts.base, parts.pages.has('/profile')),
      ...pageRoutes(parts.pages, store.users),
      // A handshake never gets here: what does is a plain request at the socket's address.
      { method: 'GET', path: SOCKET_PATH, handle: () => message(400, 'This is a WebSocket address.') },
    ],
    headers,
    isAllowed: origins.isAllowed,
    log,
    metrics,
  })
  const admin = createRouter({
    routes: healthRoutes(metrics, () => (draining ? 'draining' : store.condition === 'ready' ? 'ready' : 'degraded')),
    headers: commonHeaders('http'),
    isAllowed: () => false,
    log,
    metrics: null,
  })

  let draining = false
  let gone: (() => void) | null = null

  const reaper = startReaper(tokens, store, clock, log)

  return {
    app: {
      http: (request) => {
        const caller = resolve(request.address, request.header)
        if (caller === null) return early(badForwarding)
        const { address, viaProxy } = caller
        const remaining = bans.remaining(address)
        if (remaining > 0) return early(banned(remaining))
        if (viaProxy) return http({ ...request, address })
        // Which address was asked for is a trusted proxy's to say.
        if (request.header('x-forwarded-uri') === undefined) return http(request)
        const header = (name: string) => (name === 'x-forwarded-uri' ? undefined : request.header(name))
        return http({ ...request, header })
      },
      upgrade: (handshake) => {
        const caller = resolve(handshake.address, handshake.header)
        if (caller === null) return early(badForwarding)
        const remaining = bans.remaining(caller.address)
        if (remaining > 0) return early(banned(remaining))
        if (handshake.path !== SOCKET_PATH) return early(message(404, 'Not found.'))
        const origin = handshake.header('origin')
        if (options.strictOrigins && !origins.isOwn(origin, caller)) {
          log.info({ address: caller.address, origin }, 'handshake from a foreign origin refused')
          return early(message(403, 'This origin may not open a socket.'))
        }
        if (draining) return early(json(503, { message: 'The server is restarting.' }, { 'retry-after': '5' }))
        const crowded = doorway.refuse(caller.address, connections.size)
        if (crowded !== null) return early(crowded)
        const { address } = caller
        const isForeign = !origins.isOwn(origin, caller)
        return (socket) => new Connection(shared, socket, address, isForeign)
      },
    },

    admin: {
      // A page elsewhere whose name was pointed at this machine must not read it (DNS rebinding).
      http: (request) =>
        isLoopbackHost(request.header('host') ?? '')
          ? admin(request)
          : early(message(403, 'This host is not known here.')),
      upgrade: () => message(404, 'Not found.'),
    },

    tokens,
    socketsOf: (grant) => hub.socketsOf(grant),
    publish: own.publish,

    drain: async () => {
      draining = true
      approvals.drain()
      const empty =
        connections.size === 0
          ? null
          : new Promise<void>((resolve) => {
              gone = resolve
            })
      for (const connection of connections.all()) connection.drain()
      await Promise.all([empty, reaper.stop()])
    },
  }
}
