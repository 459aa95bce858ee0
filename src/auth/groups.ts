/** The built-in groups, with Home Assistant's names and policies. */
import { BUILT_IN_GROUP_NAMES, type BuiltInGroupId, type Group } from '../store/model.ts'

const builtIn = (id: BuiltInGroupId, policy: Group['policy'], position: number): Group => ({
  id,
  name: BUILT_IN_GROUP_NAMES[id],
  policy,
  version: 0,
  position,
})

/** They come before all others. */
export const builtInGroups: readonly Group[] = [
  builtIn('system-admin', { entities: true }, -2),
  builtIn('system-users', { entities: true }, -1),
  builtIn('system-read-only', { entities: { all: { read: true } } }, 0),
]
