/** `latchkey backup` and `latchkey restore`. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../clock.ts'
import { ControlRefused } from '../control/refused.ts'
import { askControl } from '../control/socket.ts'
import { DataDir } from '../datadir.ts'
import { openData } from '../main.ts'
import { StoreRefused } from '../store/store.ts'
import { loadConfig } from './configuration.ts'
import { operate } from './operate.ts'
import { type OperationFlags, operation } from './operation.ts'
import { print } from './output.ts'

const DATABASE = 'latchkey.db'
const PEPPER = 'pepper'
const MANIFEST = 'manifest.json'

const manifest = z.strictObject({
  created_at: z.string(),
  sha256: z.strictObject({ [DATABASE]: z.string(), [PEPPER]: z.string() }),
})

/** The file's JSON; undefined where it is none. */
const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

const backup = async (flags: OperationFlags, folder: string): Promise<void> => {
  const target = resolve(folder)
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new ControlRefused(`${target} is not empty; name a folder that is not there yet`)
  }
  const { config } = loadConfig(flags)
  const { pepperFile } = DataDir.at(config.data_dir)
  mkdirSync(target, { recursive: true, mode: 0o700 })
  chmodSync(target, 0o700)
  const database = join(target, DATABASE)
  const pepper = join(target, PEPPER)
  await operate(flags, 'database.copy', { file: database })
  chmodSync(database, 0o600)
  copyFileSync(pepperFile, pepper, constants.COPYFILE_EXCL)
  chmodSync(pepper, 0o600)
  const made = {
    created_at: new Date(systemClock.now()).toISOString(),
    sha256: { [DATABASE]: digestOf(database), [PEPPER]: digestOf(pepper) },
  }
  writeFileSync(join(target, MANIFEST), `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 })
  print(flags, { folder: target, ...made }, () =>
    [
      `backed up to ${target}`,
      `${PEPPER} is the secret that makes the database worth something: keep the two apart, and both safe`,
    ].join('\n'),
  )
}

/** What stands in a backup, once it is sure to be whole. */
const readBackup = (folder: string): { readonly database: string; readonly pepper: string } => {
  const source = resolve(folder)
  const database = join(source, DATABASE)
  const pepper = join(source, PEPPER)
  for (const file of [database, pepper, join(source, MANIFEST)]) {
    if (!existsSync(file)) throw new ControlRefused(`${file} is not there: ${source} is no whole backup`)
  }
  const parsed = manifest.safeParse(readJson(join(source, MANIFEST)))
  if (!parsed.success) throw new ControlRefused(`${join(source, MANIFEST)} is no manifest of a backup`)
  for (const [name, wanted] of Object.entries(parsed.data.sha256)) {
    const file = join(source, name)
    if (digestOf(file) !== wanted) throw new ControlRefused(`${file} is not what was backed up: its digest is another`)
  }
  return { database, pepper }
}

const restore = async (flags: OperationFlags & { force?: true }, folder: string): Promise<void> => {
  const { config } = loadConfig(flags)
  const source = readBackup(folder)
  const dir = DataDir.at(config.data_dir)
  if ((await askControl(dir.control, 'user.list', {})) !== null) {
    throw new ControlRefused(`a node serves ${dir.path}; stop it first`)
  }
  let aside: string | null = null
  if (existsSync(dir.path) && readdirSync(dir.path).length > 0) {
    if (flags.force !== true) throw new ControlRefused(`${dir.path} is not empty; --force moves what is there aside`)
    // A node that cannot be reached still holds the database.
    await openData(config, systemClock).then(
      ({ store }) => store.close(),
      (error: unknown) => {
        if (error instanceof StoreRefused && /in use/.test(error.message)) throw error
      },
    )
    aside = `${dir.path}.before-${new Date(systemClock.now()).toISOString().replace(/[:.]/g, '-')}`
    renameSync(dir.path, aside)
  }
  mkdirSync(dir.path, { recursive: true, mode: 0o700 })
  for (const [from, to] of [
    [source.database, dir.database],
    [source.pepper, dir.pepperFile],
  ] as const) {
    copyFileSync(from, to)
    chmodSync(to, 0o600)
  }
  const { store } = await openData(config, systemClock)
  let ended = 0
  try {
    // What was revoked since the backup was made must not come back: everybody logs in anew.
    for (const { user } of await store.users.list()) {
      ended += (await store.tokens.revoke({ user: user.id, type: null, keep: null })).grants.length
    }
  } finally {
    await store.close()
  }
  // Codes and logins under way are of another time, too; the next start removes them.
  rmSync(join(dir.path, 'setup-code'), { force: true })
  print(flags, { data_dir: dir.path, ended, aside }, () =>
    [
      `restored to ${dir.path}${aside === null ? '' : `; what was there is in ${aside}`}`,
      `everybody is logged out: ${ended} ${ended === 1 ? 'session' : 'sessions'} and tokens of the backup were ended`,
    ].join('\n'),
  )
}

export const backupCommand = () =>
  operation('backup', 'Write the database and the pepper into a new folder, while a node serves or not.')
    .argument('<folder>', 'is made; only its owner can read it')
    .run(backup)

export const restoreCommand = () =>
  operation('restore', 'Put a backup in place. Everybody is logged out, and scripts need new tokens.')
    .argument('<folder>', 'as latchkey backup made it')
    .option('--force', 'move data that is there aside')
    .run(restore)
