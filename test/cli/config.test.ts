/** `latchkey config check`, and the file that commands read. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Child, cleanUp, newFolder, run } from '../process/child.ts'

afterEach(cleanUp)

const folderWith = (text: string): string => {
  const folder = newFolder()
  writeFileSync(join(folder, 'latchkey.yaml'), text)
  return folder
}

test('every setting is printed with its value and where it comes from (G7)', async () => {
  const folder = folderWith('server:\n  port: 1234\n')
  const { code, stdout, stderr } = await run(
    ['config', 'check', '--log', 'json'],
    { LATCHKEY_HASHING_TIME: '3' },
    folder,
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^server\.port +1234 +latchkey\.yaml:2$/m)
  expect(stdout).toMatch(/^log +json +--log$/m)
  expect(stdout).toMatch(/^hashing\.time +3 +LATCHKEY_HASHING_TIME$/m)
  expect(stdout).toMatch(/^server\.external_url +\(not set\) +default$/m)
})

test('the same as JSON', async () => {
  const { stdout } = await run(['config', 'check', '--json'], {}, newFolder())
  expect(JSON.parse(stdout)).toContainEqual({ key: 'server.port', value: '8123', source: 'default' })
})

test('what is wrong is told in one line each, and the command fails', async () => {
  const folder = folderWith('server:\n  port: x\nlogs: json\n')
  expect(await run(['config', 'check'], {}, folder)).toEqual({
    code: 64,
    stdout: '',
    stderr: [
      'latchkey: latchkey.yaml:3: there is no setting logs; known are data_dir, log, server, security, clients, policy, hashing, tokens, sessions, users, limits, home_assistant',
      'latchkey: latchkey.yaml:2: server.port must be a whole number, not "x"',
      '',
    ].join('\n'),
  })
})

test('another file can be named; one that is not there, or that others can write, is refused', async () => {
  const folder = folderWith('server: { port: 1 }\n')
  const other = join(folder, 'other.yaml')
  expect(await run(['config', 'check', '--config', other], {}, folder)).toMatchObject({
    code: 64,
    stderr: `latchkey: --config: ${other} cannot be read (ENOENT)\n`,
  })
  writeFileSync(other, 'server: { port: 2 }\n')
  const { stdout } = await run(['config', 'check', '--config', other], {}, folder)
  expect(stdout).toMatch(/^server\.port +2 +\S+other\.yaml:1$/m)
  chmodSync(other, 0o666)
  expect(await run(['serve', '--config', other], {}, folder)).toMatchObject({
    code: 64,
    stderr: `latchkey: ${other} can be written by others; take that away (chmod go-w)\n`,
  })
})

test('serve takes its settings from the file beside it', async () => {
  const folder = folderWith('data_dir: ./here\nlog: json\nserver:\n  port: 0\n  transport: ws\n')
  const child = new Child([], {}, folder)
  expect(await child.line('listening')).toMatchObject({ transport: 'ws' })
})
