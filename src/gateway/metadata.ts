/** What this server says about itself: the metadata of RFC 8414 and RFC 9728. It names only what works. */
import { json, type Route, redirect } from './http.ts'

const DOCUMENTATION = 'https://developers.home-assistant.io/docs/auth_api'

/** `base`: the public origin, or that of the listener; never what a request says. */
export const metadataRoutes = (base: () => string, hasProfile: boolean): readonly Route[] => [
  {
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    handle: () =>
      json(200, {
        authorization_endpoint: `${base()}/auth/authorize`,
        token_endpoint: `${base()}/auth/token`,
        revocation_endpoint: `${base()}/auth/revoke`,
        response_types_supported: ['code'],
        response_modes_supported: ['query'],
        grant_types_supported: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_methods_supported: ['none'],
        revocation_endpoint_auth_methods_supported: ['none'],
        introspection_endpoint: `${base()}/auth/introspect`,
        introspection_endpoint_auth_methods_supported: ['Bearer'],
        code_challenge_methods_supported: ['S256'],
        client_id_metadata_document_supported: true,
        latchkey_refresh_rotation: true,
        service_documentation: DOCUMENTATION,
        issuer: base(),
      }),
  },
  {
    method: 'GET',
    path: '/.well-known/oauth-protected-resource',
    handle: () =>
      json(200, {
        resource: base(),
        authorization_servers: [base()],
        bearer_methods_supported: ['header'],
        resource_documentation: DOCUMENTATION,
      }),
  },
  // Where a password manager sends people (W3C); only once there is such a page.
  ...(hasProfile
    ? [{ method: 'GET', path: '/.well-known/change-password', handle: () => redirect('/profile') } as const]
    : []),
]
