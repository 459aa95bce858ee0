#!/usr/bin/env node
// node-oidc-provider with a store in memory, for the refresh at its token endpoint, for `latchkey bench --peer`.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const CLIENT = 'bench'
const SESSIONS = 200

/** The library's own store forgets all but the last thousand records, and the load's refresh tokens with them. */
class Kept {
  static #records = new Map()
  #name

  constructor(name) {
    this.#name = name
  }

  async upsert(id, payload) {
    Kept.#records.set(`${this.#name} ${id}`, payload)
  }

  async find(id) {
    return Kept.#records.get(`${this.#name} ${id}`)
  }

  async destroy(id) {
    Kept.#records.delete(`${this.#name} ${id}`)
  }
}

const http = createServer()
await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${http.address().port}`
const scope = 'openid offline_access'
const provider = new Provider(url, {
  adapter: Kept,
  clients: [
    {
      client_id: CLIENT,
      redirect_uris: ['http://127.0.0.1/done'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      scope,
    },
  ],
  scopes: scope.split(' '),
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  // As the gateway's: the refresh token stays.
  rotateRefreshToken: false,
})
http.on('request', provider.callback())

const client = await provider.Client.find(CLIENT)
const refreshTokens = []
for (let i = 0; i < SESSIONS; i++) {
  const accountId = `user-${i}`
  const grant = new provider.Grant({ accountId, clientId: CLIENT })
  grant.addOIDCScope(scope)
  const grantId = await grant.save()
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    scope,
    gty: 'authorization_code',
    authTime: 1,
    sessionUid: accountId,
  })
  refreshTokens.push(await token.save())
}
const line = {
  name: 'node-oidc-provider',
  url,
  dialect: null,
  tokens: [],
  refreshTokens,
  clientId: CLIENT,
  tokenPath: '/token',
}
console.log(JSON.stringify(line))
