/** The built-in groups, with Home Assistant's names and policies. */
import type { BuiltInGroupId, Group } from '../store/model.ts'

const builtIn = (id: BuiltInGroupId, name: string, policy: Group['policy'], position: number): Group => ({
  id,
  name,
  policy,
  version: 0,
  position,
})

/** They come before all others. */
export const builtInGroups: readonly Group[] = [
  builtIn('system-admin', 'Administrators', { entities: true }, -2),
  builtIn('system-users', 'Users', { entities: true }, -1),
  builtIn('system-read-only', 'Read Only', { entities: { all: { read: true } } }, 0),
]
