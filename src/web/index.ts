/** The start page: says that the gateway runs, and the address that applications want to know. */
import { fillTexts, part, show } from './page.ts'

fillTexts()
part('address', HTMLElement).textContent = location.origin
show('running')
