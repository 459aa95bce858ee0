/** D: login flows, passwords, second factors, bans. */
import { held, later, type Row } from './row.ts'

const FACTORS = 'with second factors.'
const PROVIDERS = 'with further providers.'

export const logins: readonly Row[] = [
  held('D1', 'Users told by answers', 'The same bytes whoever it was tried for.'),
  held('D2', 'Users told by time', 'One hash for every attempt.'),
  held('D3', 'Users told by other doors', 'No path names a user to a stranger.'),
  held(
    'D4',
    'Passwords sprayed',
    'Ten failures ban an address for an hour; from the fifth in a row an account waits, at a hundred it stops.',
  ),
  held('D5', 'Locking the owner out', 'Where the account logged in lately nothing waits and nothing is stopped.'),
  held('D6', 'Guesses at once', 'Counted like the same guesses one by one.'),
  held(
    'D7',
    'A second door',
    'One count for every place that judges a credential.',
    'Later: second factors and external providers, as they come.',
  ),
  held(
    'D8',
    'Spoofed addresses',
    'Forwarding headers count from trusted proxies alone, from the right; anything odd is 400.',
  ),
  held('D9', 'A proxy that gets banned', 'Trusted proxies and loopback never are.'),
  held('D10', 'Many addresses of one owner', 'An IPv6 /64 is one; eight banned ones in a wider network ban that.'),
  held('D11', 'A count that grows', 'Bounded; a ban is never pushed out by a flood.'),
  held('D12', 'Bans through a restart', 'Kept, listed, lifted; open sockets of people who are in go on.'),
  held('D13', 'Hashing as a weapon', 'A bounded queue; beyond it 503, and everything else goes on.'),
  held('D14', 'Huge passwords', 'Refused alike; never cut.'),
  held('D15', 'Weak hash parameters', 'argon2id with OWASP’s; made anew at the next login after a change.'),
  held(
    'D16',
    'Common passwords',
    'At least eight characters, and none of 18,000 that are tried first; judged last, and never at a login.',
  ),
  held('D17', 'A password that changes', 'Ends the other sessions.'),
  held('D18', 'Floods of logins', 'Caps by network and in all; the oldest that nobody typed into makes room.'),
  held(
    'D19',
    'A login handed over',
    'Bound to the address and the client that began it; a step-up to its socket and that socket’s user.',
  ),
  held('D20', 'Skipped steps', 'One input at a time; the loser changes nothing.', `Later: several steps, ${FACTORS}`),
  later('D21', 'Guessing second factors', 'Counted by flow and by user.', FACTORS),
  later('D22', 'A code used twice', 'Works once.', FACTORS),
  later('D23', 'Recovery codes', 'Work once.', FACTORS),
  held(
    'D24',
    'Providers mixed up',
    'An identity is provider type, provider id and what that provider calls the person.',
    `Later: identities from elsewhere, ${PROVIDERS}`,
  ),
  later('D25', 'External authentication', 'Bounded in time and size.', PROVIDERS),
  held('D26', 'Names that look alike', 'One normal form for comparing, and new names must have it.'),
  held(
    'D27',
    'Somebody else makes the owner',
    'On the machine itself, or with the set-up code; exactly one, for good.',
  ),
  later('D28', 'Trusted networks', 'Nobody is offered without being named.', PROVIDERS),
  held('D29', 'A web page makes the owner', '403 for what a browser says comes from elsewhere.'),
  held('D30', 'DNS rebinding', 'Where the address is the credential, Host must be a loopback name.'),
  held('D31', 'A neighbour behind the same address', 'Pushes out nobody’s login that was typed into.'),
  held('D32', 'An own login between guesses', 'Takes off nothing but its own.'),
  held(
    'D33',
    'Pending users fill the table',
    'At most a thousand, for thirty days; one for each identity, made at the end of a login. At the cap the login ends, and nobody who was let in is touched.',
  ),
  later('D34', 'Forged identity headers', 'Count from trusted proxies alone.', PROVIDERS),
]
