/** What is wrong with the fields of commands, made from a table of their kinds, with the sentence that each gets. */
import { MARKER } from './bad-requests.ts'

type Kind = 'str' | 'int' | 'bool' | 'a list' | 'a dictionary' | 'one of a few'

interface Field {
  readonly kind: Kind
  readonly good: unknown
  readonly optional?: true
}

const str: Field = { kind: 'str', good: 'x' }
const int: Field = { kind: 'int', good: 1 }
const bool: Field = { kind: 'bool', good: true }
const choice: Field = { kind: 'one of a few', good: 'commit' }
const optional = (field: Field): Field => ({ ...field, optional: true })
const dictionary: Field = { kind: 'a dictionary', good: {} }
const strings: Field = { kind: 'a list', good: [] }

/** The fields of each command, besides those that take a number from anything. */
export const fieldsOf: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  ping: {},
  supported_features: { features: { kind: 'a dictionary', good: {} } },
  subscribe_events: { event_type: optional(str) },
  unsubscribe_events: { subscription: int },
  'auth/providers': {},
  'auth/login_flow': {
    client_id: str,
    handler: { kind: 'a list', good: ['homeassistant', null] },
    redirect_uri: optional(str),
    purpose: optional(str),
    code_challenge: optional(str),
    code_challenge_method: optional(str),
  },
  'auth/login_flow/step': {
    flow_id: str,
    client_id: optional(str),
    user_input: { kind: 'a dictionary', good: {} },
  },
  'auth/login_flow/abort': { flow_id: str },
  'auth/token': {
    grant_type: str,
    client_id: optional(str),
    code: optional(str),
    redirect_uri: optional(str),
    code_verifier: optional(str),
    refresh_token: optional(str),
    rotate: optional(bool),
    attempt: optional(str),
    authenticate: optional(bool),
  },
  'auth/revoke': { token: str },
  'auth/renew': { access_token: str },
  'auth/step_up': { handler: { kind: 'a list', good: ['homeassistant', null] } },
  'auth/step_up/step': { flow_id: str, user_input: dictionary },
  'auth/step_up/abort': { flow_id: str },
  'auth/sessions': { limit: optional(int), after: optional(str) },
  'auth/revoke_session': { refresh_token_id: str, wait: optional(choice) },
  'auth/subscribe': {},
  'config/auth/sessions': {
    limit: optional(int),
    after: optional(str),
    user_id: optional(str),
    client_id: optional(str),
  },
  'config/auth/revoke': {
    refresh_token_id: optional(str),
    user_id: optional(str),
    client_id: optional(str),
    group_id: optional(str),
    include_self: optional(bool),
    wait: optional(choice),
  },
  'config/auth/subscribe': {},
  'auth/current_user': {},
  'auth/refresh_tokens': {},
  'auth/delete_refresh_token': { refresh_token_id: str },
  'auth/delete_all_refresh_tokens': { token_type: optional(str), delete_current_token: optional(bool) },
  'auth/refresh_token_set_expiry': { refresh_token_id: str, enable_expiry: bool },
  'auth/sign_path': { path: str, expires: optional(int) },
  'auth/long_lived_access_token': { client_name: str, client_icon: optional(str), lifespan: int },
  'config/auth_provider/homeassistant/change_password': { current_password: str, new_password: str },
  'config/auth/list': {},
  'config/auth/create': { name: str, group_ids: optional(strings), local_only: optional(bool) },
  'config/auth/update': {
    user_id: str,
    name: optional(str),
    is_active: optional(bool),
    group_ids: optional(strings),
    local_only: optional(bool),
  },
  'config/auth/delete': { user_id: str },
  'config/auth/approve': { user_id: str },
  'config/auth/reject': { user_id: str },
  'config/auth_provider/homeassistant/create': { user_id: str, username: str, password: str },
  'config/auth_provider/homeassistant/delete': { username: str },
  'config/auth_provider/homeassistant/admin_change_password': { user_id: str, password: str },
  'config/auth_provider/homeassistant/admin_change_username': { user_id: str, username: str },
  'auth/permissions': {},
  'auth/check': { category: str, object: str, key: str },
  'config/auth/groups/list': { limit: optional(int), after: optional({ kind: 'str', good: '1' }) },
  'config/auth/groups/create': { name: str, policy: dictionary },
  'config/auth/groups/update': { group_id: str, name: optional(str), policy: optional(dictionary) },
  'config/auth/groups/delete': { group_id: str },
  'config/auth/bans/list': { limit: optional(int), after: optional(str) },
  'config/auth/bans/delete': { network: str },
}

const others: Readonly<Record<Kind, readonly unknown[]>> = {
  str: [5, true, [MARKER], { [MARKER]: MARKER }],
  int: [MARKER, '1', true, 0.5, [1], {}],
  bool: [0, 1, 'true', [], { [MARKER]: true }],
  'a list': [5, true, MARKER, { 0: MARKER }],
  'a dictionary': [5, true, MARKER, [MARKER]],
  'one of a few': [5, true, MARKER, [MARKER], {}],
}

/** A command without its id, and what is said to be wrong with it. */
export type BadCommand = readonly [command: Readonly<Record<string, unknown>>, sentence: string]

/** Each field left out, null and of another kind; and fields too many. */
export const badFields = (type: string): BadCommand[] => {
  const fields = Object.entries(fieldsOf[type] ?? {})
  const good = { type, ...Object.fromEntries(fields.map(([name, { good }]) => [name, good])) }
  const found: BadCommand[] = [
    [{ ...good, [MARKER]: MARKER }, 'extra keys not allowed'],
    [{ type, [MARKER]: null }, 'extra keys not allowed'],
    [{ ...good, ID: 1, Type: MARKER }, 'extra keys not allowed'],
  ]
  for (const [name, { kind, optional }] of fields) {
    const expected = kind === 'one of a few' ? 'not a valid value' : `expected ${kind} for dictionary value`
    const wrong = `${expected} @ data['${name}']`
    const left = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
    if (optional !== true) found.push([left, `required key not provided @ data['${name}']`])
    // A subscription is a number or whatever can be read as one.
    if (type === 'unsubscribe_events') {
      for (const value of [MARKER, {}, [], null]) found.push([{ ...good, [name]: value }, wrong])
      continue
    }
    const values = optional === true ? others[kind] : [null, ...others[kind]]
    for (const value of values) found.push([{ ...good, [name]: value }, wrong])
  }
  return found
}

const longLived = (field: object) => ({
  type: 'auth/long_lived_access_token',
  client_name: 'a script',
  lifespan: 1,
  ...field,
})

/** Values of the right kind that are too small, too large, or in the wrong place. */
export const badValues: readonly BadCommand[] = [
  [longLived({ client_name: '' }), "value is too small @ data['client_name']"],
  [longLived({ client_name: 'x'.repeat(201) }), "value is too large @ data['client_name']"],
  [longLived({ client_icon: 'x'.repeat(60_000) }), "value is too large @ data['client_icon']"],
  [longLived({ lifespan: 0 }), "value is too small @ data['lifespan']"],
  [longLived({ lifespan: -1 }), "value is too small @ data['lifespan']"],
  [longLived({ lifespan: 3651 }), "value is too large @ data['lifespan']"],
  [longLived({ lifespan: 10 ** 9 }), "value is too large @ data['lifespan']"],
  [{ type: 'auth/sign_path', path: '/x', expires: 0 }, "value is too small @ data['expires']"],
  [{ type: 'auth/sign_path', path: '/x', expires: 31_536_001 }, "value is too large @ data['expires']"],
  [{ type: 'auth/sign_path', path: `/${'x'.repeat(8192)}` }, "value is too large @ data['path']"],
  [{ type: 'subscribe_events', event_type: 'x'.repeat(65) }, "value is too large @ data['event_type']"],
  [{ type: 'supported_features', features: { [MARKER]: 1.5 } }, "not a valid value @ data['features']"],
  [{ type: 'supported_features', features: { [MARKER]: null } }, "not a valid value @ data['features']"],
  [{ type: 'supported_features', features: { [MARKER]: MARKER } }, "not a valid value @ data['features']"],
  [{ type: 'config/auth/create', name: 'x'.repeat(201) }, "value is too large @ data['name']"],
  [{ type: 'config/auth/create', name: 'x', group_ids: ['system-users', 5] }, "expected str @ data['group_ids'][1]"],
  [
    { type: 'config/auth/create', name: 'x', group_ids: Array(101).fill('system-users') },
    "length of value must be at most 100 for dictionary value @ data['group_ids']",
  ],
  [{ type: 'config/auth/groups/list', limit: 0 }, "value is too small @ data['limit']"],
  [{ type: 'config/auth/groups/list', limit: 201 }, "value is too large @ data['limit']"],
  [{ type: 'config/auth/groups/list', after: MARKER }, "not a valid value @ data['after']"],
  [{ type: 'config/auth/groups/create', name: '', policy: {} }, "value is too small @ data['name']"],
  [{ type: 'config/auth/groups/create', name: 'x'.repeat(201), policy: {} }, "value is too large @ data['name']"],
  [{ type: 'config/auth/groups/create', name: `a\n${MARKER}`, policy: {} }, "not a valid value @ data['name']"],
  [{ type: 'config/auth/groups/create', name: ' \u200b', policy: {} }, "not a valid value @ data['name']"],
  [
    { type: 'config/auth/groups/create', name: 'x', policy: { [MARKER]: true } },
    "extra keys not allowed @ data['policy']",
  ],
  [
    { type: 'config/auth/groups/create', name: 'x', policy: { entities: { entity_ids: { [MARKER]: false } } } },
    "expected true or a dictionary of read, control and edit @ data['policy']['entities']['entity_ids'][0]",
  ],
  [
    { type: 'config/auth/groups/update', group_id: 'x', policy: { entities: { [MARKER]: true } } },
    "extra keys not allowed @ data['policy']['entities']",
  ],
  [{ type: 'auth/check', category: 'x'.repeat(65), object: '', key: '' }, "value is too large @ data['category']"],
  [{ type: 'config/auth/bans/list', limit: 0 }, "value is too small @ data['limit']"],
  [{ type: 'config/auth/bans/list', limit: 201 }, "value is too large @ data['limit']"],
]
