/** A client that describes itself in JSON (OAuth Client ID Metadata Document) instead of in a page. */
import { z } from 'zod'
import { parseJson } from '../protocol/json.ts'

const clientDocument = z.looseObject({ client_id: z.string(), redirect_uris: z.array(z.string()).max(100) })

/** An address of its own, without a fragment. */
const isAbsolute = (uri: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(uri) && URL.canParse(uri) && !uri.includes('#')

/** The redirect addresses that a document lists; none where it is no such document, or speaks of another client. */
export const readClientDocument = (text: string, clientId: string): readonly string[] => {
  // Over plain HTTP anybody between could have written it.
  if (!/^https:/i.test(clientId)) return []
  const parsed = parseJson(text)
  const found = parsed.kind === 'value' ? clientDocument.safeParse(parsed.value) : null
  if (found === null || !found.success || found.data.client_id !== clientId) return []
  return found.data.redirect_uris.every(isAbsolute) ? found.data.redirect_uris : []
}
