/** Which JSON documents list redirect addresses for a client. */
import { expect, test } from 'vitest'
import { readClientDocument } from '../../src/auth/client-document.ts'

const ID = 'https://app.example/client.json'
const URIS = ['https://other.example/back', 'com.example.app:/back']

test('a document of this very client lists its redirect addresses', () => {
  const text = JSON.stringify({ client_id: ID, client_name: 'App', redirect_uris: URIS })
  expect(readClientDocument(text, ID)).toEqual(URIS)
})

test('a document that came over plain HTTP, of another client, or with an address that is none, lists nothing', () => {
  const plain = 'http://app.example/client.json'
  expect(readClientDocument(JSON.stringify({ client_id: plain, redirect_uris: URIS }), plain)).toEqual([])
  for (const document of [
    { client_id: `${ID}/`, redirect_uris: URIS },
    { redirect_uris: URIS },
    { client_id: ID },
    { client_id: ID, redirect_uris: URIS[0] },
    { client_id: ID, redirect_uris: [...URIS, 5] },
    { client_id: ID, redirect_uris: [...URIS, '/back'] },
    { client_id: ID, redirect_uris: [...URIS, 'https://other.example/#x'] },
    [{ client_id: ID, redirect_uris: URIS }],
    null,
  ]) {
    expect([document, readClientDocument(JSON.stringify(document), ID)]).toEqual([document, []])
  }
  expect(readClientDocument(`{"client_id":"${ID}","redirect_uris":["https:`, ID)).toEqual([])
})
