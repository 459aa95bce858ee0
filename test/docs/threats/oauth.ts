/** C: OAuth endpoints, codes, redirects. */
import { held, later, none, type Row } from './row.ts'

const CLIENTS = 'with registered clients.'

export const oauth: readonly Row[] = [
  held(
    'C1',
    'Redirect tricks',
    'The client’s own host, or listed by its page; else no redirect at all.',
    `Later: exact comparison ${CLIENTS}`,
  ),
  later('C2', 'A loopback exception that is too wide', 'Only the port may differ.', CLIENTS),
  held('C3', '`javascript:` and its like', 'Refused before anything is asked or sent.'),
  later(
    'C4',
    'Login links with another client',
    'The page names who gets the code, and asks.',
    'with consent on the login page.',
  ),
  held('C5', 'A server named in `state`', 'The pages talk to their own origin alone.'),
  held('C6', 'Clickjacking', 'No page can be framed.'),
  held('C7', 'Open redirects', 'No page takes an address to go on to but the redirect address, which is judged.'),
  held(
    'C8',
    'A code used twice',
    'The second use ends what the first one gave; of many at once one gets tokens at most.',
  ),
  held(
    'C9',
    'Lifetime and binding of codes',
    'Ten minutes; bound to client, redirect address and challenge; another client uses nothing up.',
  ),
  held(
    'C10',
    'PKCE left out or weakened',
    'S256 alone; a challenge without its verifier, or the reverse, is `invalid_grant`.',
    `Later: required ${CLIENTS}`,
  ),
  later(
    'C11',
    'A code slipped in at the client',
    '`state` and `iss` come back, and the client refuses what it did not begin.',
    'with the client library.',
  ),
  held('C12', 'Login requests from other sites', '403, nothing happens.'),
  held('C13', 'Parameters twice', '400.'),
  held('C14', 'Wrong method or content type', '405 with what is allowed; another type is an empty form.'),
  held('C15', 'CORS', 'Token and revoke are for every origin, all else for `allowed_origins`; never credentials.'),
  held('C16', 'Cached answers', '`no-store` wherever there is a secret or a person.'),
  held('C17', 'A refresh token of another client', 'Refused and unharmed.'),
  held('C18', 'Scopes that widen', 'There are none: rights are the user’s at the moment of use.'),
  held(
    'C19',
    'Refreshes at once',
    'One step for one attempt, and one answer for all; clients that did not ask for rotation never get another token.',
  ),
  held('C20', 'A revocation that was not kept', '503, never 200; on a full disk it is kept on reserved space.'),
  held(
    'C21',
    'What revocation means',
    'A refresh token ends its session, a good access token its own, anything else nothing.',
  ),
  held('C22', 'Metadata that lies', 'Addresses from the configuration or the listener; only what works is named.'),
  held('C23', 'Host poisoning', 'No address is ever made from Host.'),
  held('C24', 'Redirects after a POST', 'None.'),
  held('C25', 'Codes in referrers', '`no-referrer`, and nothing from anybody else on any page.'),
  later('C26', 'Guessing device codes', 'Five tries a flow.', 'with the device grant.'),
  none('C27', '`request_uri`', 'Pushed requests are not offered; nothing is fetched, which a test holds.'),
  later('C28', 'Waiting for propagation', 'Bounded for each address.', 'with several nodes.'),
  held('C29', 'A code of a linking login', 'Gives no tokens.'),
]
