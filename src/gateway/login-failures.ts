/** Failed logins, told to administrators who listen: whose account, from where and why, and never what was typed. */
import { LOCAL_TYPE } from '../auth/providers/local.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Users } from '../store/store.ts'
import type { LoginFailure } from './login-attempts.ts'
import type { SessionEvents } from './session-events.ts'

/** Returns what is to be called with each failure. It costs nothing while nobody listens. */
export const createLoginFailures = (
  events: SessionEvents,
  users: Pick<Users, 'byCredential'>,
  clock: Clock,
  log: Log,
): ((failure: LoginFailure) => void) => {
  const tell = async ({ account, address, reason }: LoginFailure, at: number): Promise<void> => {
    const found = await users.byCredential(LOCAL_TYPE, null, account)
    // A name that is nobody's is not repeated: it may be a password in the wrong field.
    events.loginFailed({ user_id: found?.user.id ?? null, address, reason, at: new Date(at).toISOString() })
  }

  return (failure) => {
    if (!events.areAllHeard) return
    tell(failure, clock.now()).catch((error: unknown) => log.warn({ err: error }, 'a failed login could not be told'))
  }
}
