/** B: tokens and keys. */
import { held, later, none, type Row } from './row.ts'

const EXTERNAL = 'with tokens of external issuers.'

export const tokens: readonly Row[] = [
  held(
    'B1',
    'No algorithm, forged claims',
    'Refused: HS256 by the grant’s own key, with exactly three claims, or nothing.',
  ),
  later('B2', 'Key confusion', 'The algorithm comes from the configuration, never from the header.', EXTERNAL),
  held(
    'B3',
    'Keys in the header',
    'Any header but ours is refused; nothing is fetched.',
    `An issuer’s key set comes ${EXTERNAL}`,
  ),
  held('B4', '`kid` injection', 'Any `kid` refuses a token of ours.', `An issuer’s key set comes ${EXTERNAL}`),
  later('B5', 'Keys shared between issuers', 'A key belongs to its issuer.', EXTERNAL),
  held('B6', 'A remembered token that is another', 'The whole token is compared, and its grant must still stand.'),
  held(
    'B7',
    'Expired or not yet valid',
    'Ten seconds of leeway at both ends; an open socket lives as long as its grant.',
    'Or as its access token, where that is set.',
  ),
  held('B8', 'One kind of token for another', 'Opens nothing.'),
  held('B9', 'A token of another issuer', 'Refused, even with the same pepper.'),
  held('B10', 'Giant tokens', 'More than 8,192 characters are refused before they are read.'),
  held('B11', 'Guessable secrets', '256 random bits each.'),
  held(
    'B12',
    'Tokens readable in a database',
    'Kept as hashes or not at all; nothing in clear in any file or in the log.',
  ),
  held('B13', 'Tokens in a repository', 'Refresh tokens have a prefix and a checksum; a wrong one costs no read.'),
  held('B14', 'Long-lived tokens for ever', '1 to 3,650 days; listed, and revoked one by one.'),
  held('B15', 'System tokens used as a person', 'Each command answers each role as declared.'),
  held(
    'B16',
    'A default, shared or lost pepper',
    'Made once; refused where it is open to others, malformed, foreign or gone.',
  ),
  held(
    'B17',
    'Secrets told by time',
    'Found by a hash of the secret, and compared in constant time; measured by `npm run timing`.',
  ),
  held(
    'B18',
    'A clock that jumps',
    'Nothing is removed by a clock that has not stood ten minutes; deadlines do not move.',
  ),
  held('B19', 'Rotation within one second', 'Generations are counted, never seconds.'),
  held(
    'B20',
    'Introspection that tells too much',
    '401 without a service’s token; `{"active":false}` for everything that is not good.',
  ),
  held(
    'B21',
    'One place that forgets a check',
    'One judgement for HTTP, sockets, signed paths, forward auth and refresh.',
  ),
  none('B22', 'DPoP replay', 'DPoP is not offered, and the metadata does not name it.'),
  none('B23', 'DPoP downgrade', 'DPoP is not offered.'),
  held(
    'B24',
    'Signed paths',
    'Bound to path, query, grant and time; for reading alone; they die with the grant and survive a restart.',
  ),
  held('B25', 'A stolen database', 'Mints no token without the pepper.'),
  held('B26', 'A stolen access token becomes a refresh token', 'No event and no other socket ever carries one.'),
  held(
    'B27',
    'A thief who refreshes first',
    'A retry is known by its attempt; whoever shows an older token without it ends the session.',
  ),
  later('B28', 'Floods of unknown key ids', 'One fetch in thirty seconds.', EXTERNAL),
  later('B29', 'Key sets out of reach', 'Known tokens go on, first-seen ones are told to wait.', EXTERNAL),
  later('B30', 'Keys that are withdrawn', 'Their tokens and sockets end.', EXTERNAL),
  later('B31', 'External tokens without an end', 'Refused.', EXTERNAL),
  later('B32', 'External tokens revoked here', 'Stay refused.', EXTERNAL),
  later('B33', 'Huge external tokens', 'Refused before a key is asked for.', EXTERNAL),
]
