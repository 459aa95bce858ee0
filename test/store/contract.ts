/** What every store promises. A driver joins by running this over its own database. */
import { approvalsContract } from './contract-approvals.ts'
import { groupsContract } from './contract-groups.ts'
import { loginsContract } from './contract-logins.ts'
import { tokensContract } from './contract-tokens.ts'
import { usersContract } from './contract-users.ts'
import type { Driver } from './opened.ts'

export const storeContract = (name: string, create: () => Driver): void => {
  usersContract(name, create)
  groupsContract(name, create)
  tokensContract(name, create)
  loginsContract(name, create)
  approvalsContract(name, create)
}
