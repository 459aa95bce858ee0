/** A gateway inside a program: its configuration as an object, several in one process, and a close that leaves nothing. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { register } from 'prom-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Auth, connect } from '../src/client/index.ts'
import { ConfigError, type ConfigObject, createGateway, StoreRefused } from '../src/index.ts'
import { command, eventType, z } from '../src/protocol/index.ts'
import { admit, told, type Wire } from './gateway/members.ts'
import { metric } from './gateway/metric.ts'
import { asker } from './gateway/people.ts'
import { authenticated, MovableClock, session } from './rig.ts'

const silent = pino({ level: 'silent' })
const folders: string[] = []
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-embedded-'))
  folders.push(folder)
  return folder
}

/** Cheap hashing, free ports and a folder of its own. */
const config = (more: ConfigObject = {}): ConfigObject => ({
  data_dir: newFolder(),
  hashing: { memory: '8MiB', time: 1 },
  ...more,
  server: { port: 0, ...more.server },
})

const commands = {
  'app/count': command({ doc: 'Count.', needs: 'user', input: {}, result: z.int(), errors: [] }),
  'app/wait': command({ doc: 'Wait.', needs: 'user', input: {}, result: z.null(), errors: [] }),
  'app/listen': command({ doc: 'Listen.', needs: 'user', input: {}, result: z.null(), event: z.string(), errors: [] }),
}
const events = { app_note: eventType({ doc: 'A note.', needs: 'user', data: z.strictObject({ n: z.int() }) }) }
interface App {
  readonly commands: typeof commands
  readonly events: typeof events
}

const begin = async (more: ConfigObject = {}) => {
  let count = 0
  const waiting: (() => void)[] = []
  const gateway = await createGateway({
    config: config(more),
    log: silent,
    strict: true,
    commands,
    events,
    handlers: {
      'app/count': () => ++count,
      'app/wait': () => new Promise<null>((resolve) => waiting.push(() => resolve(null))),
      'app/listen': () => () => undefined,
    },
  })
  closers.push(() => gateway.close())
  const { access_token } = await session(gateway.url)
  const connection = connect<App>(new Auth(fetch, gateway.url, access_token), { WebSocket })
  closers.push(() => connection.close())
  return { gateway, connection, waiting, access_token }
}

describe('a configuration as an object', () => {
  const refused = async (given: unknown): Promise<readonly string[]> => {
    const error = await createGateway({ config: given as ConfigObject, log: silent }).then(
      () => expect.fail('it was not refused'),
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).lines
  }

  test('is refused with everything that is wrong in it, in the words of the file', async () => {
    const folder = join(newFolder(), 'data')
    const lines = await refused({
      data_dir: folder,
      servre: {},
      server: { prot: 1, port: '80x', tls: 'cert.pem', transport: { name: 'ws' } },
      tokens: { access_token_lifetime: 30 },
      policy: { categories: ['Rooms'] },
      hashing: { time: Number.NaN },
      users: null,
    })
    expect(lines).toEqual([
      expect.stringMatching(/^config: there is no setting servre; known are data_dir, log, server, /),
      expect.stringMatching(/^config: there is no setting server\.prot; known under server are host, port, /),
      'config: server.tls is an object of keys; known are cert, key',
      'config: server.transport must be one value',
      'config: server.port must be a whole number, not "80x"',
      'config: policy.categories must be names such as topics, separated by commas; entities is always one, not "Rooms"',
      'config: hashing.time must be a whole number, not "NaN"',
      'config: tokens.access_token_lifetime must be a duration such as 30s, 10m or 90d, not "30"',
    ])
    expect(existsSync(folder)).toBe(false)
  })

  test.each([[[]], ['latchkey.yaml'], [5]])('%j is none', async (given) => {
    expect(await refused(given)).toEqual([expect.stringMatching(/^config: a configuration is an object of keys; /)])
  })

  test('is refused where its values are unsafe together, as elsewhere', async () => {
    expect(await refused({ data_dir: newFolder(), server: { host: '0.0.0.0' } })).toEqual([
      expect.stringMatching(/^server\.host is "0\.0\.0\.0": another address than loopback needs /),
    ])
  })

  test('takes numbers, booleans, lists and texts; what is null or left out has its default', async () => {
    const { connection, gateway } = await begin({
      policy: { categories: ['rooms', 'doors'] },
      tokens: { access_token_lifetime: '90s', refresh_token_idle: null },
      server: { strict_origins: true, admin: { port: 0 } },
    })
    expect(await connection.command('auth/permissions', {})).toEqual({ entities: true, rooms: true, doors: true })
    const answer = await fetch(`${gateway.url}/.well-known/oauth-authorization-server`)
    expect(answer.status).toBe(200)
    const foreign = new WebSocket(`${gateway.url.replace('http', 'ws')}/api/websocket`, {
      origin: 'https://evil.example',
    })
    await expect(new Promise((_, reject) => foreign.on('error', reject))).rejects.toThrow('403')
  })
})

describe('what starts no gateway leaves nothing', () => {
  test('a declaration that is wrong is refused before anything is opened', async () => {
    const folder = join(newFolder(), 'data')
    const wrong = { 'auth/token': commands['app/count'], 'app/count': commands['app/count'] }
    await expect(
      createGateway({
        config: { data_dir: folder, server: { port: 0 } },
        log: silent,
        commands: wrong,
        handlers: { 'app/count': () => 1 } as never,
      }),
    ).rejects.toThrow(
      new TypeError(
        'commands["auth/token"]: this type is the gateway’s own\nhandlers["auth/token"]: a function has to answer this command',
      ),
    )
    expect(existsSync(folder)).toBe(false)
  })

  test('a data directory that another one serves, and a port that is taken', async () => {
    const { gateway } = await begin()
    const [folder] = folders
    await expect(createGateway({ config: config({ data_dir: folder! }), log: silent })).rejects.toThrow(StoreRefused)
    const { port } = new URL(gateway.url)
    const given = config({ server: { port: Number(port) } })
    await expect(createGateway({ config: given, log: silent })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    // Its folder is free again.
    const again = await createGateway({ config: { ...given, server: { port: 0 } }, log: silent })
    await again.close()
  })
})

describe('a gateway in a program', () => {
  test('tells where it is and where to make the owner, and uses the program’s log', async () => {
    const lines: { msg: string }[] = []
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const gateway = await createGateway({ config: config(), log })
    closers.push(() => gateway.close())
    expect(gateway.setUpUrl).toMatch(new RegExp(`^${gateway.url}/onboarding\\.html#code=`))
    expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200)
    const onboarding = await fetch(`${gateway.url}/api/onboarding/users`, { method: 'POST', body: '{}' })
    expect(onboarding.status).toBe(400)
    await session(gateway.url)
    expect(lines.map(({ msg }) => msg)).toContain('owner created')
  })

  test('uses the program’s clock, and its places of entities', async () => {
    const clock = new MovableClock()
    const gateway = await createGateway({
      config: config(),
      log: silent,
      clock,
      locate: (id) => (id === 'light.hall' ? { area_id: 'hall' } : undefined),
    })
    closers.push(() => gateway.close())
    const { access_token } = await session(gateway.url)
    const owner = asker(await authenticated(gateway.url, access_token))
    const policy = { entities: { area_ids: { hall: true } } }
    const { group } = (await told(owner, 'config/auth/groups/create', { name: 'Hall', policy })) as { group: Wire }
    const guest = await admit(gateway, owner, 'guest', [group.id])
    expect(await guest.may('entities', 'light.hall', 'read')).toBe(true)
    expect(await guest.may('entities', 'light.attic', 'read')).toBe(false)
    const ask = () => fetch(`${gateway.url}/api/`, { headers: { authorization: `Bearer ${access_token}` } })
    expect((await ask()).status).toBe(200)
    clock.move(3_600_000)
    expect((await ask()).status).toBe(401)
  })

  test('shares nothing with another one in the same process: data, commands, events, metrics', async () => {
    const [one, other] = [await begin({ policy: { categories: 'rooms' } }), await begin()]
    expect(await one.connection.command('app/count', {})).toBe(1)
    expect(await one.connection.command('app/count', {})).toBe(2)
    expect(await other.connection.command('app/count', {})).toBe(1)
    const heard: [string, number][] = []
    for (const [name, { connection }] of Object.entries({ one, other })) {
      await connection.subscribe('subscribe_events', { event_type: 'app_note' }, ({ data }) =>
        heard.push([name, data.n]),
      )
    }
    one.gateway.publish('app_note', { n: 1 })
    other.gateway.publish('app_note', { n: 2 })
    await vi.waitFor(() =>
      expect(heard).toEqual(
        expect.arrayContaining([
          ['one', 1],
          ['other', 2],
        ]),
      ),
    )
    expect(heard).toHaveLength(2)
    expect(await one.connection.command('auth/permissions', {})).toEqual({ entities: true, rooms: true })
    expect(await other.connection.command('auth/permissions', {})).toEqual({ entities: true })
    const second = connect(new Auth(fetch, one.gateway.url, one.access_token), { WebSocket })
    closers.push(() => second.close())
    await second.command('ping', {})
    expect([await metric(one.gateway, 'latchkey_sockets'), await metric(other.gateway, 'latchkey_sockets')]).toEqual([
      2, 1,
    ])
    // A token of one opens nothing at the other.
    const { status } = await fetch(`${other.gateway.url}/api/`, {
      headers: { authorization: `Bearer ${one.access_token}` },
    })
    expect(status).toBe(401)
    await one.gateway.close()
    expect(await other.connection.command('app/count', {})).toBe(2)
    // The program's own metrics stay its own.
    expect(register.getMetricsAsArray()).toEqual([])
  })

  test('closes when what is under way is finished, and leaves its folder and its ports to the next', async () => {
    const { gateway, connection, waiting, access_token } = await begin()
    await connection.command('ping', {})
    const answer = connection.command('app/wait', {})
    await vi.waitFor(() => expect(waiting).toHaveLength(1))
    let closed = false
    const closing = gateway.close().then(() => {
      closed = true
    })
    // It is asked, and says that it goes down.
    await vi.waitFor(async () => expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(503))
    expect(closed).toBe(false)
    waiting[0]!()
    expect(await answer).toBe(null)
    await closing
    await gateway.close()
    await vi.waitFor(() => expect(connection.state).toMatchObject({ state: 'waiting', error: { code: 4000 } }))
    connection.close()
    // What is published then is for nobody.
    gateway.publish('app_note', { n: 1 })
    const [folder] = folders
    expect(readdirSync(folder!)).not.toContain('latchkey.db-wal')
    const { port } = new URL(gateway.url)
    const server = createServer().listen(Number(port), '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    await new Promise((resolve) => server.close(resolve))
    const next = await createGateway({
      config: config({ data_dir: folder!, server: { port: Number(port) } }),
      log: silent,
    })
    closers.push(() => next.close())
    const { status } = await fetch(`${next.url}/api/`, { headers: { authorization: `Bearer ${access_token}` } })
    expect(status).toBe(200)
  })
})
