/**
 * One value that all tabs of this page share. In IndexedDB and not in localStorage: what one tab has written there another
 * may read only a moment later, and would refresh a session that has just been refreshed.
 */
const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open('page', 1)
  request.onupgradeneeded = () => request.result.createObjectStore('kept')
  request.onsuccess = () => resolve(request.result)
  request.onerror = () => reject(request.error)
})

const within = async (mode, act) => {
  const transaction = (await opened).transaction('kept', mode)
  const request = act(transaction.objectStore('kept'))
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result)
    transaction.onabort = () => reject(transaction.error)
  })
}

export const load = async () => (await within('readonly', (store) => store.get('session'))) ?? null
export const save = (value) => within('readwrite', (store) => store.put(value, 'session'))
export const forget = () => within('readwrite', (store) => store.delete('session'))
