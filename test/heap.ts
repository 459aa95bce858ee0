/** What a test that bounds memory asks. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes on the heap that are not garbage. */
export const heldBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}
