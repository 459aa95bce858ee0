/** The pages as routes: set-up and login, with all that they load, and nothing from anybody else. */
import type { Users } from '../store/store.ts'
import { type Route, redirect } from './http.ts'

export interface Page {
  /** Content type. */
  readonly type: string
  readonly body: string | Uint8Array
}

/** By path, as `/auth/authorize`. */
export type Pages = ReadonlyMap<string, Page>

/** Scripts and styles of this server alone; no frame, no form elsewhere, no base. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const pageRoutes = (pages: Pages, users: Users): readonly Route[] => [
  ...[...pages].map(
    ([path, { type, body }]): Route => ({
      method: 'GET',
      path,
      handle: () => ({
        status: 200,
        headers: {
          'content-type': type,
          'cache-control': 'no-cache',
          ...(type.startsWith('text/html')
            ? {
                'content-security-policy': CONTENT_SECURITY_POLICY,
                'x-frame-options': 'DENY',
                'cross-origin-opener-policy': 'same-origin',
                'cross-origin-resource-policy': 'same-origin',
              }
            : {}),
        },
        body,
      }),
    }),
  ),
  {
    method: 'GET',
    path: '/',
    handle: async () => redirect((await users.any()) ? '/index.html' : '/onboarding.html'),
  },
]
