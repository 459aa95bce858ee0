/** Starting: what is printed, what is made, and what is refused with which line. */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { exchange, logIn, onboard, postForm, USER } from '../rig.ts'
import { Child, cleanUp, newFolder, run, serve } from './child.ts'

afterEach(cleanUp)

/** Wrong use, and a service that cannot be had, as sysexits.h has them. */
const EX_USAGE = 64
const EX_UNAVAILABLE = 69

/** A folder in which a gateway has had its first run, and which nobody holds. */
const used = async (): Promise<string> => {
  const folder = newFolder()
  const { child, url } = await serve(folder)
  await onboard(url)
  await child.kill('SIGTERM')
  return folder
}

const start = (folder: string, ...args: string[]) => run(['serve', '--port', '0', '--data-dir', folder, ...args])

describe('a start', () => {
  test('says with --log json in one line where it listens, with which transport and store, and where to set up', async () => {
    const { child, url, admin, setUp } = await serve(newFolder())
    expect(await child.line('listening')).toMatchObject({
      transport: expect.stringMatching(/^(?:uWebSockets\.js|ws)$/),
      store: 'sqlite',
    })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(admin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(admin).not.toBe(url)
    expect(setUp).toMatch(new RegExp(`^${url}/onboarding\\.html#code=[0-9A-Z-]{16,}$`))
    expect(child.lines[0]!.msg).toBe('listening')
    expect(child.stderr).toBe('')
  })

  test('says the same readably with --log pretty', async () => {
    const child = new Child(['serve', '--port', '0', '--data-dir', newFolder(), '--log', 'pretty'], {})
    const wanted =
      /listening on (http:\S+) \(transport (?:uWebSockets\.js|ws), store sqlite, admin http:\S+\); no owner yet, set up at \1\/onb/
    await expect.poll(() => child.stdout, { timeout: 15_000 }).toMatch(wanted)
    expect(child.stdout.trim().split('\n')).toHaveLength(1)
  })

  test('gives the same set-up code until there is an owner, and none after that', async () => {
    const folder = newFolder()
    const first = await serve(folder)
    await first.child.kill('SIGTERM')
    const second = await serve(folder)
    const code = (address: string | null): string => new URL(address!).hash
    expect(code(second.setUp)).toBe(code(first.setUp))
    await onboard(second.url)
    expect(existsSync(join(folder, 'setup-code'))).toBe(false)
    await second.child.kill('SIGTERM')
    expect((await serve(folder)).setUp).toBe(null)
  })

  test('makes its data for its owner alone, whatever the umask (G6)', async () => {
    const folder = join(newFolder(), 'data')
    const before = process.umask(0)
    try {
      await serve(folder)
    } finally {
      process.umask(before)
    }
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
    expect(mode(folder)).toBe('700')
    const files = readdirSync(folder)
    expect(files).toEqual(expect.arrayContaining(['latchkey.db', 'marker', 'pepper', 'setup-code']))
    expect(files.map((name) => mode(join(folder, name)))).toEqual(files.map(() => '600'))
  })

  test('takes settings from the environment and from files; a flag wins', async () => {
    const folder = newFolder()
    const file = join(newFolder(), 'port')
    writeFileSync(file, '1\n')
    const taken = { LATCHKEY_SERVER_PORT_FILE: file, LATCHKEY_HOME_ASSISTANT_VERSION: '2024.12.1' }
    const { url } = await serve(folder, [], taken)
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/websocket`)
    const hello = await new Promise((resolve) => socket.on('message', (data) => resolve(JSON.parse(String(data)))))
    expect(hello).toMatchObject({ ha_version: '2024.12.1' })
    socket.terminate()
  })
})

describe('a start is refused with one line', () => {
  const refused = async (
    outcome: Promise<{ code: number | null; stdout: string; stderr: string }>,
    code: number,
    line: string | RegExp,
  ): Promise<void> => {
    const { code: actual, stdout, stderr } = await outcome
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    if (typeof line === 'string') expect(stderr).toBe(`latchkey: ${line}\n`)
    else expect(stderr).toMatch(line)
    expect(stdout).toBe('')
    expect(actual).toBe(code)
  }

  test.each([
    [['--port', '70000'], '--port: server.port must be a whole number from 0 to 65535, not "70000"'],
    [['--port', '80a'], '--port: server.port must be a whole number, not "80a"'],
    [['--log', 'xml'], '--log: log must be json or pretty, not "xml"'],
    [
      ['--host', '0.0.0.0'],
      'server.host is "0.0.0.0": another address than loopback needs server.tls.cert and server.tls.key, or server.behind_tls_proxy',
    ],
  ])('wrong flag: %s (G7, G10)', async (args, line) => {
    const folder = newFolder()
    await refused(run(['serve', '--data-dir', folder, ...args]), EX_USAGE, line)
    expect(readdirSync(folder)).toEqual([])
  })

  test.each([
    [
      { LATCHKEY_TOKENS_ACCESS_TOKEN_LIFETIME: '30' },
      'LATCHKEY_TOKENS_ACCESS_TOKEN_LIFETIME: tokens.access_token_lifetime must be a duration such as 30s, 10m or 90d, not "30"',
    ],
    [
      { LATCHKEY_LIMITS_OUTBOX: '1GB' },
      'LATCHKEY_LIMITS_OUTBOX: limits.outbox must be a size such as 16KiB or 4MiB, not "1GB"',
    ],
    [{ LATCHKEY_PORT: '1' }, 'LATCHKEY_PORT: there is no such setting; see latchkey serve --help'],
    [
      { LATCHKEY_SERVER_PORT_FILE: '/nowhere/port' },
      'LATCHKEY_SERVER_PORT_FILE: /nowhere/port cannot be read (ENOENT)',
    ],
    [
      { LATCHKEY_SERVER_PORT: '1', LATCHKEY_SERVER_PORT_FILE: '/dev/null' },
      'LATCHKEY_SERVER_PORT_FILE: server.port is set twice, once as a value and once as a file',
    ],
  ])('wrong environment: %o (G7)', async (environment, line) => {
    await refused(run(['serve', '--data-dir', newFolder()], environment as Record<string, string>), EX_USAGE, line)
  })

  test('a port that is taken', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const outcome = run(['serve', '--port', String(port), '--data-dir', newFolder()])
    await refused(outcome, EX_UNAVAILABLE, `port ${port} on 127.0.0.1 is in use; choose another --port`)
    server.close()
  })

  test('a folder in which another process serves (G12)', async () => {
    const folder = newFolder()
    const { url } = await serve(folder)
    const line = `${folder}/latchkey.db is in use by another process; stop that one first, or choose another --data-dir`
    await refused(start(folder), EX_UNAVAILABLE, line)
    expect((await fetch(`${url}/api/onboarding`)).status).toBe(200)
  })

  test('a folder that cannot be made', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    const line = `${file}/data cannot be made (ENOTDIR); choose another --data-dir`
    await refused(start(join(file, 'data')), EX_UNAVAILABLE, line)
  })

  test.each(['latchkey.db', 'pepper', '.'])('%s can be read by others (B16, G6)', async (name) => {
    const folder = await used()
    const path = name === '.' ? folder : join(folder, name)
    const mode = name === '.' ? '0700' : '0600'
    chmodSync(path, 0o755)
    await refused(start(folder), EX_UNAVAILABLE, `${path} can be read by others; set its mode to ${mode}`)
  })

  test.each([
    [
      'latchkey.db',
      /^latchkey: \S+latchkey\.db is gone, but \S+marker says that a database was here; put a backup in its place$/m,
    ],
    [
      'pepper',
      /^latchkey: \S+pepper is gone, but \S+latchkey\.db is there; put the pepper back that was used with it$/m,
    ],
  ])('%s is gone: this is no first run (B16)', async (name, line) => {
    const folder = await used()
    rmSync(join(folder, name))
    const before = readdirSync(folder)
    await refused(start(folder), EX_UNAVAILABLE, line)
    expect(readdirSync(folder)).toEqual(before)
  })

  test.each([
    ['latchkey.db', 'empty', Buffer.alloc(0), /is empty, but \S+marker says that a database was here; put a backup/],
    ['latchkey.db', 'no database', Buffer.alloc(8192, 'x'), /latchkey\.db is damaged or is no SQLite database; put a/],
    ['pepper', 'zeros', Buffer.alloc(32), /pepper does not hold 32 random bytes; put the pepper back/],
    ['pepper', 'too short', Buffer.alloc(31, 'ab'), /pepper does not hold 32 random bytes; put the pepper back/],
    ['pepper', 'of another gateway', Buffer.alloc(32, 'ab'), /the pepper file does not belong to \S+latchkey\.db; put/],
    [
      'marker',
      'of another database',
      Buffer.from('other\n'),
      /latchkey\.db is another database than the one the marker/,
    ],
  ])('%s is %s (B16)', async (name, _, content, line) => {
    const folder = await used()
    writeFileSync(join(folder, name), content)
    await refused(start(folder), EX_UNAVAILABLE, line)
    expect(readFileSync(join(folder, name))).toEqual(content)
  })

  test('a page in the middle of the database is damaged', async () => {
    const folder = await used()
    const file = join(folder, 'latchkey.db')
    const bytes = readFileSync(file)
    bytes.fill(0xff, 4096 * 3, 4096 * 5)
    writeFileSync(file, bytes)
    await refused(start(folder), EX_UNAVAILABLE, /latchkey\.db is damaged .*; put a backup in its place$/m)
    expect(readFileSync(file)).toEqual(bytes)
  })
})

test('nothing that opens a door stands in the clear in a file or in the log (B12)', async () => {
  const folder = newFolder()
  const { child, url, setUp } = await serve(folder)
  const code = await onboard(url)
  const tokens = await exchange(url, code)
  const unused = await logIn(url)
  const wrong = {
    grant_type: 'refresh_token',
    refresh_token: `${tokens.refresh_token}x`,
    client_id: 'https://a.example/',
  }
  await postForm(`${url}/auth/token`, wrong)
  await fetch(`${url}/api/?access_token=${tokens.access_token}`)
  await fetch(`${url}/api/`, { headers: { authorization: `Bearer ${tokens.access_token}x` } })
  const secrets = [
    USER.password,
    code,
    unused,
    tokens.refresh_token,
    tokens.access_token,
    tokens.access_token.split('.')[2]!,
  ]
  const spellings = secrets.flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
  ])
  const kept = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, readFileSync(join(folder, name), 'latin1')] as const)
  expect(kept.map(([name]) => name)).toContain('latchkey.db-wal')
  for (const [name, content] of [...kept, ['the log', child.stdout] as const]) {
    expect(
      spellings.filter((secret) => content.includes(secret)),
      name,
    ).toEqual([])
  }
  // The one secret of the log is meant to be read there.
  const said = child.lines.filter((line) => JSON.stringify(line).includes(new URL(setUp!).hash.slice(6)))
  expect(said.map(({ msg }) => msg)).toEqual(['listening'])
})
