/** The commands for operators, with a node that serves and without one. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cleanUp, newFolder, run, type Served, serve } from '../process/child.ts'
import { authenticated, exchange, logIn, postForm, type Tokens } from '../rig.ts'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/latchkey.js', import.meta.url))
const CLIENT = 'https://example.com/app'

let folder: string
beforeEach(() => {
  folder = join(newFolder(), 'data')
})
afterEach(cleanUp)

const latchkey = (...args: string[]) => run([...args, '--data-dir', folder])
const json = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await latchkey(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}
/** A command that wants a password on its standard input. */
const withPassword = (password: string, ...args: string[]): string => {
  const env = { PATH: process.env['PATH'], LATCHKEY_HASHING_MEMORY: '8MiB', LATCHKEY_HASHING_TIME: '1' }
  const all = [PROGRAM, ...args, '--password-stdin', '--data-dir', folder]
  return execFileSync(process.execPath, all, { input: `${password}\n`, env, encoding: 'utf8' })
}
const addAnn = (): string => withPassword('secret words', 'user', 'add', 'ann', '--name', 'Ann', '--role', 'owner')

const session = async (url: string, username: string, password: string): Promise<Tokens> =>
  exchange(url, await logIn(url, CLIENT, CLIENT, { name: '', username, password }), CLIENT)

const refused = async (args: readonly string[], line: string | RegExp, code = 1): Promise<void> => {
  const outcome = await latchkey(...args)
  expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: '' })
  expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(outcome.stderr).toMatch(line)
}

describe.each([
  ['without a node', false],
  ['with a node that serves', true],
])('%s', (_, serving) => {
  let served: Served | null = null
  beforeEach(async () => {
    served = serving ? await serve(folder) : null
  })
  /** The node that serves, or one that is started for the asking. */
  const node = async (): Promise<Served> => served ?? serve(folder)

  test('the owner and others are made, listed, changed and removed', async () => {
    expect(addAnn()).toBe('user ann added\n')
    withPassword('other words', 'user', 'add', 'bob', '--role', 'admin', '--local-only')
    expect(await json('user', 'list')).toMatchObject([
      { username: 'ann', name: 'Ann', role: 'owner', active: true, local_only: false, sessions: 0 },
      { username: 'bob', name: 'bob', role: 'admin', active: true, local_only: true, sessions: 0 },
    ])
    expect(await json('user', 'deactivate', 'bob')).toEqual({ revoked: 0, sockets_closed: 0 })
    expect(await json('user', 'list')).toMatchObject([{}, { active: false }])
    expect((await latchkey('user', 'activate', 'bob')).stdout).toBe('bob is active\n')
    expect((await latchkey('user', 'remove', 'bob')).stdout).toBe(
      'bob is removed; 0 sessions ended, 0 sockets closed\n',
    )
    expect(await json('user', 'list')).toHaveLength(1)
    const { url } = await node()
    await session(url, 'ann', 'secret words')
  })

  test('whoever logs in for the first time waits, is seen to wait, and is let in or turned away', async () => {
    addAnn()
    expect(withPassword('eve password', 'credential', 'add', 'eve')).toMatch(/^user name eve added/)
    withPassword('mal password', 'credential', 'add', 'mal')
    withPassword('old password', 'credential', 'add', 'old')
    expect(await json('credential', 'list')).toEqual([{ username: 'eve' }, { username: 'mal' }, { username: 'old' }])
    expect((await latchkey('credential', 'remove', 'old')).stdout).toBe('user name old removed\n')
    await refused(['credential', 'remove', 'old'], /there is no user name old; see latchkey credential list/)
    await refused(['credential', 'remove', 'ann'], /ann is somebody's; see latchkey user remove/)
    expect(() => withPassword('new password', 'credential', 'add', 'ann')).toThrow(/the user name ann is taken/)
    await refused(['user', 'approve', 'eve'], /eve has not logged in yet; the first login makes the user/)
    const first = await node()
    await expect(session(first.url, 'eve', 'eve password')).rejects.toThrow('login')
    await expect(session(first.url, 'mal', 'mal password')).rejects.toThrow('login')
    if (!serving) await first.child.kill('SIGTERM')
    const listed = (await latchkey('user', 'list')).stdout
    expect(listed).toMatch(/^eve +eve +user +pending +no +0 /m)
    expect(await json('credential', 'list')).toEqual([])
    expect((await latchkey('user', 'approve', 'eve')).stdout).toBe('eve is let in\n')
    expect((await latchkey('user', 'reject', 'mal')).stdout).toBe('mal is turned away\n')
    expect(await json('user', 'list')).toMatchObject([
      { username: 'ann', active: true, approval: null },
      { username: 'eve', active: true, approval: null },
      { username: 'mal', active: false, approval: 'rejected' },
    ])
    await refused(['user', 'approve', 'eve'], /eve does not wait for approval/)
    await refused(['user', 'reject', 'mal'], /mal does not wait for approval/)
    const { url } = serving ? first : await serve(folder)
    await session(url, 'eve', 'eve password')
    await expect(session(url, 'mal', 'mal password')).rejects.toThrow('login')
  })

  test('a password is set, and the old one is good no more', async () => {
    addAnn()
    expect(withPassword('new words', 'user', 'password', 'ann')).toMatch(/^password of ann set; 0 sessions ended/)
    const { url } = await node()
    await session(url, 'ann', 'new words')
    await expect(session(url, 'ann', 'secret words')).rejects.toThrow('login')
  })

  test('a token for a script is shown once, listed and revoked', async () => {
    addAnn()
    const token = (await latchkey('token', 'create', 'ann', '--name', 'script', '--days', '9')).stdout.trim()
    const [row] = (await json('token', 'list')) as [{ id: string }]
    expect(row).toMatchObject({ user: 'ann', client: 'script', type: 'long_lived_access_token' })
    await refused(
      ['token', 'create', 'ann', '--name', 'script'],
      /ann has a token named script already; revoke it first/,
    )
    const { url, child } = await node()
    const bearer = { headers: { authorization: `Bearer ${token}` } }
    expect((await fetch(`${url}/api/`, bearer)).status).toBe(200)
    if (!serving) await child.kill('SIGTERM')
    expect(await json('token', 'revoke', row.id)).toEqual({ revoked: 1, sockets_closed: 0 })
    const later = serving ? url : (await serve(folder)).url
    expect((await fetch(`${later}/api/`, bearer)).status).toBe(401)
  })

  test('what is not there, or may not be done, is refused with one line that says what to do', async () => {
    await refused(
      ['user', 'remove', 'ann'],
      serving ? /there is no user ann; see latchkey user list/ : /there is no gateway's data in .*--data-dir/,
    )
    addAnn()
    await refused(['user', 'remove', 'ann'], /the owner cannot be removed/)
    await refused(['user', 'deactivate', 'ann'], /the owner stays active/)
    await refused(['session', 'revoke', 'x'], /there is no session x; see latchkey session list/)
    await refused(['session', 'revoke'], /give an id, --user or --all: one of them/, 64)
    await refused(
      ['token', 'create', 'ann', '--name', 'x', '--days', 'many'],
      /--days must be a whole number from 1 to 3650, not "many"/,
      64,
    )
    await refused(['token', 'create', 'ann', '--name', 'x', '--days', '9999'], /from 1 to 3650, not "9999"/, 64)
    await refused(['user', 'reject', 'eve'], /there is no user eve; see latchkey user list/)
    expect(() => withPassword('x', 'user', 'add', 'Ann B', '--role', 'user')).toThrow(
      /lowercase and must not contain white space/,
    )
    expect(() => withPassword('x', 'user', 'add', 'ann')).toThrow(/the user name ann is taken/)
    expect(() => withPassword('x', 'user', 'add', 'eve', '--role', 'owner')).toThrow(/there is an owner already/)
    expect(() => withPassword('', 'user', 'password', 'ann')).toThrow(/the password must not be empty/)
    await refused(['user', 'password', 'ann'], /no terminal to ask for the password; give it with --password-stdin/, 64)
  })

  test('a backup is put in place elsewhere, with everybody logged out', async () => {
    addAnn()
    await latchkey('token', 'create', 'ann', '--name', 'script')
    const copy = join(newFolder(), 'backup')
    const { code, stdout } = await latchkey('backup', copy)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^backed up to .*backup\npepper is the secret/)
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
    expect(readdirSync(copy).sort()).toEqual(['latchkey.db', 'manifest.json', 'pepper'])
    expect([mode(copy), ...readdirSync(copy).map((name) => mode(join(copy, name)))]).toEqual([
      '700',
      '600',
      '600',
      '600',
    ])
    await refused(['backup', copy], /is not empty; name a folder that is not there yet/)
    const elsewhere = join(newFolder(), 'data')
    const restored = await run(['restore', copy, '--data-dir', elsewhere])
    expect(restored.stderr).toBe('')
    expect(restored.stdout).toMatch(
      /^restored to .*\neverybody is logged out: 1 session and tokens of the backup were ended\n$/,
    )
    const { url } = await serve(elsewhere)
    await session(url, 'ann', 'secret words')
    if (serving) await refused(['restore', copy], /a node serves .*; stop it first/)
    else await refused(['restore', copy], /is not empty; --force moves what is there aside/)
  })
})

test('a session that is revoked by hand loses its sockets at once, and the receipt counts them', async () => {
  const { url } = await serve(folder)
  addAnn()
  const tokens = await session(url, 'ann', 'secret words')
  const sockets = await Promise.all([1, 2].map(() => authenticated(url, tokens.access_token)))
  const [row] = (await json('session', 'list')) as [{ id: string }]
  expect(row).toMatchObject({ user: 'ann', client: CLIENT, sockets: 2, last_used_ip: '127.0.0.1' })
  expect(await json('session', 'revoke', row.id)).toEqual({ revoked: 1, sockets_closed: 2 })
  for (const { closed } of sockets) expect((await closed).code).toBe(4200)
  expect(await json('session', 'list')).toEqual([])
  const again = await authenticated(url, (await session(url, 'ann', 'secret words')).access_token)
  expect((await latchkey('session', 'revoke', '--all')).stdout).toBe('revoked; 1 session ended, 1 socket closed\n')
  expect((await again.closed).code).toBe(4200)
})

test('a user who is removed by hand loses the sockets with 4201 (F5)', async () => {
  const { url } = await serve(folder)
  addAnn()
  withPassword('other words', 'user', 'add', 'bob')
  const socket = await authenticated(url, (await session(url, 'bob', 'other words')).access_token)
  await latchkey('user', 'remove', 'bob')
  expect((await socket.closed).code).toBe(4201)
})

describe('the control socket', () => {
  const say = (text: string): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = connect(join(folder, 'control.sock'))
      let answer = ''
      socket.on('data', (data) => {
        answer += String(data)
      })
      socket.on('close', () => resolve(answer === '' ? null : JSON.parse(answer)))
      socket.on('error', () => undefined)
      socket.write(text)
    })

  test('is for its owner alone, and gone after a clean end; a dead one is replaced (G11)', async () => {
    const first = await serve(folder)
    expect((statSync(join(folder, 'control.sock')).mode & 0o777).toString(8)).toBe('600')
    await first.child.kill('SIGTERM')
    expect(existsSync(join(folder, 'control.sock'))).toBe(false)
    const second = await serve(folder)
    await second.child.kill('SIGKILL')
    expect(existsSync(join(folder, 'control.sock'))).toBe(true)
    await serve(folder)
    expect(await json('user', 'list')).toEqual([])
  })

  test.each([
    ['nonsense\n', 'a request is one line of JSON'],
    ['[]\n', 'a request is one line of JSON'],
    ['{"operation":"user.fly","input":{}}\n', 'no such operation: the command and the node are of different versions'],
    ['{"operation":"__proto__","input":{}}\n', 'no such operation: the command and the node are of different versions'],
    ['{"operation":"user.list","input":{"more":1}}\n', /^input: /],
    ['{"operation":"user.remove","input":{"user":5}}\n', /^user: /],
    ['{"operation":"user.remove"}\n', /^input: /],
    [`${'x'.repeat(70_000)}`, 'a request is one line of JSON'],
  ])('answers what it cannot do, and goes on: %o', async (text, sentence) => {
    await serve(folder)
    expect(await say(text)).toEqual({
      ok: false,
      refused: sentence instanceof RegExp ? expect.stringMatching(sentence) : sentence,
    })
    expect(await json('user', 'list')).toEqual([])
  })
})

describe('a restore', () => {
  const backup = async (): Promise<string> => {
    addAnn()
    const copy = join(newFolder(), 'backup')
    await latchkey('backup', copy)
    return copy
  }

  test('moves what is there aside when it is told to', async () => {
    const copy = await backup()
    withPassword('other words', 'user', 'add', 'bob')
    const { code, stdout } = await latchkey('restore', copy, '--force')
    expect(code).toBe(0)
    const aside = /what was there is in (\S+)/.exec(stdout)![1]!
    expect(readdirSync(aside)).toContain('latchkey.db')
    expect(await json('user', 'list')).toHaveLength(1)
  })

  test('logs a rotating session out without taking it for stolen, whichever of its tokens comes first', async () => {
    const { child, url } = await serve(folder)
    addAnn()
    const ask = async (at: string, fields: Readonly<Record<string, string>>) => {
      const response = await postForm(`${at}/auth/token`, { client_id: CLIENT, ...fields })
      return (await response.json()) as { refresh_token: string; error?: string }
    }
    const code = await logIn(url, CLIENT, CLIENT, { name: '', username: 'ann', password: 'secret words' })
    const tokens = [(await ask(url, { grant_type: 'authorization_code', code, rotate: '1' })).refresh_token]
    const step = async () => {
      const next = await ask(url, { grant_type: 'refresh_token', refresh_token: tokens.at(-1)! })
      tokens.push(next.refresh_token)
    }
    await step()
    await step()
    const copy = join(newFolder(), 'backup')
    await latchkey('backup', copy)
    await step()
    await child.kill('SIGTERM')
    expect((await latchkey('restore', copy, '--force')).code).toBe(0)
    const after = await serve(folder)
    for (const refresh_token of tokens) {
      expect(await ask(after.url, { grant_type: 'refresh_token', refresh_token })).toEqual({ error: 'invalid_grant' })
    }
    await after.child.kill('SIGTERM')
    expect(after.child.stdout).not.toContain('refresh_reuse')
  })

  test.each(['latchkey.db', 'pepper', 'manifest.json'])(
    'refuses a backup whose %s was changed or is gone',
    async (name) => {
      const copy = await backup()
      const file = join(copy, name)
      const before = readFileSync(file)
      writeFileSync(file, Buffer.concat([before, Buffer.from(' ')]).fill('x', 0, 20))
      const target = join(newFolder(), 'data')
      const { code, stderr } = await run(['restore', copy, '--data-dir', target])
      expect(code).toBe(1)
      expect(stderr).toMatch(
        name === 'manifest.json' ? /is no manifest of a backup/ : /is not what was backed up: its digest is another/,
      )
      expect(existsSync(target)).toBe(false)
    },
  )
})
