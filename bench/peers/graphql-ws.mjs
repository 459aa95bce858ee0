#!/usr/bin/env node
// A graphql-ws server on ws that lets in whoever shows a JWT (HS256, verified with jose each time), for `latchkey bench --peer`.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { buildSchema } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { jwtVerify, SignJWT } from 'jose'
import { WebSocketServer } from 'ws'

const key = await crypto.subtle.importKey('raw', randomBytes(32), { name: 'HMAC', hash: 'SHA-256' }, false, [
  'sign',
  'verify',
])
const token = await new SignJWT({ sub: 'bench' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(key)

const http = createServer()
const sockets = new WebSocketServer({ server: http, path: '/graphql' })
const onConnect = ({ connectionParams }) =>
  jwtVerify(connectionParams?.token ?? '', key).then(
    () => true,
    () => false,
  )
useServer({ schema: buildSchema('type Query { hello: String }'), onConnect }, sockets)
http.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${http.address().port}`
  console.log(JSON.stringify({ name: 'graphql-ws with a JWT', url, dialect: 'graphqlWs', tokens: [token] }))
})
