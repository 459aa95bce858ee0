/** Every difference that the suite knows, with its reason. docs/conformance.md has the same table. */

export interface Deviation {
  readonly homeAssistant: string
  readonly latchkey: string
  readonly reason: string
}

export const deviations = {
  'close codes': {
    homeAssistant: '1000 for everything',
    latchkey: '4000 to 4302, by reason; 1000 with `home_assistant.plain_close`',
    reason: 'A client can tell what to do next. The published clients treat all codes alike.',
  },
  'unknown keys': {
    homeAssistant: 'names the unknown key',
    latchkey: '"extra keys not allowed", without the key',
    reason: "The key is the peer's own text: nothing of the input comes back.",
  },
  'unknown provider': {
    homeAssistant: '500',
    latchkey: '404 "Invalid handler specified"',
    reason: 'Home Assistant means to answer so, and fails before it can.',
  },
  'looking at a flow': {
    homeAssistant: '500',
    latchkey: '404 "Invalid flow specified"',
    reason: 'Home Assistant means to answer so, and fails before it can.',
  },
  'another client finishes': {
    homeAssistant: 'the code is for the client of the last step',
    latchkey: '400 "Invalid client id"',
    reason: 'A login belongs to the client that began it.',
  },
  'dangerous redirects': {
    homeAssistant: '200, judged after the password',
    latchkey: '400 "Invalid redirect URI"',
    reason: 'What runs or reads something, or is no URL, leads nowhere for anybody.',
  },
  'second use of a code': {
    homeAssistant: 'the tokens of the first use stay',
    latchkey: 'they end',
    reason: 'Whoever presents a code again has a copy of it (RFC 6749 section 4.1.2).',
  },
  'access token given to revoke': {
    homeAssistant: 'nothing happens',
    latchkey: 'its session ends',
    reason: 'Applications log out with the token that they have at hand (RFC 7009).',
  },
  'unknown paths': {
    homeAssistant: 'more paths below /api/, which want a token',
    latchkey: '404',
    reason: 'There is nothing at these paths here.',
  },
  'texts of malformed messages': {
    homeAssistant: "the validator's text, with the value",
    latchkey: 'the field and a fixed sentence',
    reason: 'Nothing of the input comes back: it may hold a secret, or be written to a log.',
  },
  lifespans: {
    homeAssistant: 'any whole number, 0 and less too',
    latchkey: '1 to 3650 days, else `invalid_format`',
    reason: 'A token that has already expired helps nobody, and one for ever is a danger.',
  },
  'deleting one’s own session': {
    homeAssistant: 'the socket closes, without an answer',
    latchkey: 'the answer, then the socket closes',
    reason: 'Every command is answered once.',
  },
  'deactivated and deleted users': {
    homeAssistant: 'sockets stay open; of a deactivated user refresh tokens are kept and refused with 403',
    latchkey: 'sockets close with 4201, refresh tokens are removed',
    reason: 'Deactivating somebody is to end what they have; activating them again is not to bring it back.',
  },
  'deleting the owner': {
    homeAssistant: 'done',
    latchkey: '`cannot_delete_owner`',
    reason: 'A server without an owner can be given no other.',
  },
  'the owner’s user name': {
    homeAssistant: 'administrators take it away, and give another one',
    latchkey: '`unauthorized`',
    reason: 'Whoever gives the owner a password can be the owner.',
  },
  'system users': {
    homeAssistant: 'some from the start',
    latchkey: 'none that can be reached over the wire',
    reason: 'There are no integrations that would need one.',
  },
  'changed passwords': {
    homeAssistant: 'all sessions stay',
    latchkey: 'all other sessions of the user end',
    reason: 'Who changes a password wants whoever knew the old one out.',
  },
  metadata: {
    homeAssistant: 'relative addresses, no issuer',
    latchkey: 'absolute addresses, an issuer, and all that works',
    reason: 'RFC 8414 wants them; so do newer versions of Home Assistant.',
  },
  'steps that fail': {
    homeAssistant: 'the step counts as done',
    latchkey: 'the step stays open',
    reason: 'A mistake can be put right.',
  },
} as const satisfies Record<string, Deviation>
