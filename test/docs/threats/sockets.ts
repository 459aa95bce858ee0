/** A: WebSocket transport and handshake. */
import { held, type Row } from './row.ts'

export const sockets: readonly Row[] = [
  held(
    'A1',
    'A page elsewhere opens a socket',
    'No cookie authenticates; with `strict_origins` a foreign origin gets 403 before the upgrade.',
  ),
  held('A2', 'Token left out, empty or of another kind', 'Never a default identity: 4202, or 4300 for a wrong shape.'),
  held(
    'A3',
    'Commands before auth',
    '`auth_invalid` and 4300; nothing is executed, and what follows a bad `auth` is not either.',
  ),
  held('A4', 'Idle sockets without auth', 'Closed with 4101 after ten seconds, which no ping and no byte moves.'),
  held(
    'A5',
    'Slow requests, large bodies',
    'Ended at an absolute deadline; a body beyond the limit is 413 by its declared length.',
  ),
  held('A6', 'Too many headers', '431 or the end of the connection; nothing is decided on a cut list.'),
  held('A7', 'Offers that are slow to parse', 'Answered at once, whatever stands in 15 KiB of them.'),
  held('A8', 'Frames that announce much', 'The socket ends by the announced length, without the payload.'),
  held('A9', 'Floods of tiny fragments', 'One message’s size bounds them all together.'),
  held('A10', 'Compression bombs', 'Compression is never negotiated; a compressed frame is a protocol fault.'),
  held('A11', 'Frames against RFC 6455', 'A protocol fault; no message is given.'),
  held('A12', 'Bad UTF-8', 'A protocol fault when the message is whole.'),
  held('A13', 'Binary messages', 'Before auth 1003; after it an empty one is 4300, others are passed over.'),
  held('A14', 'Deep or crowded JSON', 'More than 32 levels or 10,000 values: 4300, over HTTP 400.'),
  held(
    'A15',
    'Prototype pollution',
    '`__proto__`, `constructor` and `prototype` are refused as keys, at any depth and in any spelling.',
  ),
  held('A16', 'Colliding JSON keys', 'A Node that is open to it is named in one warning at the start.'),
  held('A17', 'Keys twice, odd numbers', 'The last key counts; ids are whole numbers up to 2^53-1.'),
  held('A18', 'Ids that do not rise', '`id_reuse`, nothing is executed, the socket stays.'),
  held('A19', 'Command floods', '`rate_limited` with a time to come again; over it for five seconds: 4302.'),
  held(
    'A20',
    'Ping floods, silent peers',
    'More than ten pings in a second: 4302; a peer that answers none is let go.',
  ),
  held(
    'A21',
    'Readers who do not read',
    '4001 by bytes, messages or time; the largest first where all together hold too much.',
  ),
  held(
    'A22',
    'A message that gets lost',
    'What decides something is delivered, or the socket ends; nothing follows a gap.',
  ),
  held(
    'A23',
    'Too many connections',
    '429 for an address, 503 for all, before the upgrade; some descriptors stay free.',
  ),
  held('A24', 'A token in an address', 'Authenticates nowhere; no query is logged.'),
  held('A25', 'Request smuggling', 'What two servers would read differently reaches no handler.'),
  held(
    'A26',
    'Errors that repeat the input',
    'Two fixed sentences before auth; after it a path and a sentence from a table.',
  ),
]
