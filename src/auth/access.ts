/** May this person act from this address? One answer for login, code, refresh, bearer and socket. */
import type { User } from '../store/model.ts'
import { isLocalAddress } from './address.ts'

export type AccessRefusal = 'User is not active' | 'User cannot authenticate remotely'

/** Null if the user may act; else the reason, in Home Assistant's words. */
export const refuseAccess = (user: Pick<User, 'isActive' | 'localOnly'>, address: string): AccessRefusal | null => {
  if (!user.isActive) return 'User is not active'
  return refuseAddress(user.localOnly, address)
}

/** The half of the rule that a cached principal leaves open. */
export const refuseAddress = (localOnly: boolean, address: string): AccessRefusal | null =>
  localOnly && !isLocalAddress(address) ? 'User cannot authenticate remotely' : null
