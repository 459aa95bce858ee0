/** The built-in groups. */
import type { GroupId } from '../store/model.ts'

const groupIds: ReadonlySet<string> = new Set<GroupId>(['system-admin', 'system-users', 'system-read-only'])

/** True if every id is one of an existing group. */
export const areGroups = (ids: readonly string[]): ids is readonly GroupId[] => ids.every((id) => groupIds.has(id))
