#!/usr/bin/env node
// A socket.io server that lets in whoever shows a JWT (HS256, verified with jose each time), for `latchkey bench --peer`.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { jwtVerify, SignJWT } from 'jose'
import { Server } from 'socket.io'

const key = await crypto.subtle.importKey('raw', randomBytes(32), { name: 'HMAC', hash: 'SHA-256' }, false, [
  'sign',
  'verify',
])
const token = await new SignJWT({ sub: 'bench' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(key)

const http = createServer()
const io = new Server(http, { transports: ['websocket'] })
io.use((socket, next) => {
  jwtVerify(socket.handshake.auth.token ?? '', key).then(
    () => next(),
    () => next(new Error('unauthorized')),
  )
})
io.on('connection', (socket) => socket.on('ping', (answer) => answer()))
http.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${http.address().port}`
  console.log(JSON.stringify({ name: 'socket.io with a JWT', url, dialect: 'socketIo', tokens: [token] }))
})
