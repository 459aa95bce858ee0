/** `examples/chat` as its users run it: a server and two people in their terminals, and what ends when a right or a session does. */
import { afterEach, expect, test } from 'vitest'
import { type Example, endExamples, runExample } from '../example.ts'
import { admit, told, type Wire } from '../gateway/members.ts'
import { asker } from '../gateway/people.ts'
import { cleanUp, newFolder } from '../process/child.ts'
import { authenticated, grantOf, session } from '../rig.ts'

afterEach(async () => {
  await endExamples()
  await cleanUp()
})

const begin = async () => {
  const server = runExample('chat/server.mjs', { PORT: '0', DATA_DIR: newFolder() })
  const url = await server.line(/^http/)
  await server.line(/^make the owner at http/)
  const { access_token } = await session(url)
  const owner = asker(await authenticated(url, access_token))
  const policy = { rooms: { lobby: { read: true, control: true }, news: { read: true } } }
  const { group } = (await told(owner, 'config/auth/groups/create', { name: 'Guests', policy })) as { group: Wire }
  const person = async (name: string, room: string): Promise<{ chat: Example; token: string }> => {
    const { ask } = await admit({ url }, owner, name, [group.id])
    const token = (await told(ask, 'auth/long_lived_access_token', { client_name: 'chat', lifespan: 1 })) as string
    return { chat: runExample('chat/client.mjs', { LATCHKEY_URL: url, LATCHKEY_TOKEN: token }, [room]), token }
  }
  /** The names that somebody who comes into a room is told. */
  const names = async (room: string): Promise<unknown> => {
    const raw = await authenticated(url, access_token)
    raw.send({ id: 1, type: 'chat/join', room })
    expect(await raw.next()).toMatchObject({ id: 1, success: true })
    const { event } = (await raw.next()) as { event: { names: string[] } }
    raw.socket.close()
    await raw.closed
    return event.names
  }
  return { server, url, owner, access_token, group, person, names }
}

test('two people talk; who is revoked is gone at once; whose right is taken away hears no more', async () => {
  const { server, url, owner, access_token, group, person, names } = await begin()
  const ann = await person('ann', 'lobby')
  await ann.chat.line(/^\* lobby: ann$/)
  const bob = await person('bob', 'lobby')
  await bob.chat.line(/^\* lobby: ann, bob$/)
  await ann.chat.line(/^\* bob is here$/)

  ann.chat.say('hello')
  await bob.chat.line(/^ann: hello$/)
  bob.chat.say('@ann how are you')
  await ann.chat.line(/^bob: @ann how are you$/)
  await ann.chat.line(/^\* bob mentions you in lobby: @ann how are you$/)
  bob.chat.say('/rooms')
  await bob.chat.line(/^\* open to you: lobby, news \(to read\)$/)
  bob.chat.say('x'.repeat(501))
  await bob.chat.line(/^! value is too large @ data\['text'\]$/)

  // Who comes later is told what was said, and who may only read cannot speak.
  const cid = await person('cid', 'news')
  await cid.chat.line(/^\* news: cid$/)
  cid.chat.say('may I')
  await cid.chat.line(/^! Unauthorized$/)
  cid.chat.say('/join cellar')
  await cid.chat.line(/^! Unauthorized$/)
  cid.chat.say('/join lobby')
  await cid.chat.line(/^\* lobby: ann, bob, cid$/)
  expect(await cid.chat.line(/^ann: /)).toBe('ann: hello')
  await bob.chat.line(/^\* cid is here$/)

  // With the answer to the revocation she is not in the room any more.
  expect(await told(owner, 'config/auth/revoke', { refresh_token_id: grantOf(ann.token) })).toMatchObject({
    revoked: 1,
    sockets_closed: 1,
  })
  expect(await names('lobby')).toEqual(['bob', 'cid', 'Test User'])
  expect(await ann.chat.ended).toEqual({
    code: 1,
    stderr: 'the connection has ended: the socket was closed (4200)\n',
  })
  await bob.chat.line(/^\* ann has left$/)

  // The room is closed to Bob and Cid: their subscriptions are over, their sockets are not.
  await told(owner, 'config/auth/groups/update', { group_id: group.id, policy: { rooms: { news: { read: true } } } })
  expect(await names('lobby')).toEqual(['Test User'])
  const raw = await authenticated(url, access_token)
  const inside = asker(raw)
  expect(await told(inside, 'chat/join', { room: 'lobby' })).toBe(null)
  expect(await raw.next()).toMatchObject({ event: { type: 'here' } })
  raw.send({ id: 100, type: 'chat/send', room: 'lobby', text: 'among ourselves' })
  for (const { chat } of [bob, cid]) {
    await chat.line(/^\* lobby is closed to you$/)
    chat.say('/join news')
    // Nothing that was said in the lobby meanwhile.
    expect(await chat.line(/^(\* news: .*|.*ourselves)$/)).toMatch(/^\* news: /)
  }
  bob.chat.say('/join lobby')
  await bob.chat.line(/^! Unauthorized$/)

  server.process.kill('SIGTERM')
  expect(await server.ended).toEqual({ code: 0, stderr: '' })
  await cid.chat.line(/^\* lost: the socket was closed \(4000\)$/)
}, 60_000)

test('what was said before a message is read page by page', async () => {
  const { url, access_token } = await begin()
  const raw = await authenticated(url, access_token)
  const ask = asker(raw)
  expect(await told(ask, 'chat/send', { room: 'lobby', text: 'x' })).toBe('not_here')
  expect(await told(ask, 'chat/join', { room: 'cellar' })).toBe('no_such_room')
  expect(await told(ask, 'chat/join', { room: 'lobby' })).toBe(null)
  await raw.next()
  for (const text of ['one', 'two', 'three']) {
    await told(ask, 'chat/send', { room: 'lobby', text })
    expect(await raw.next()).toMatchObject({ event: { type: 'message', message: { text } } })
  }
  expect(await told(ask, 'chat/history', { room: 'lobby', before: 3, limit: 1 })).toMatchObject([{ text: 'two' }])
  expect(await told(ask, 'chat/history', { room: 'lobby', before: 3 })).toMatchObject([
    { text: 'two' },
    { text: 'one' },
  ])
})
