/** Every text of the pages, so that a translation is one more table like this one. */

const texts = {
  waiting: 'One moment…',
  'field.username': 'Username',
  'field.password': 'Password',
  'field.code': 'Code',
  'field.empty': 'Please fill this in.',
  'field.show': 'Show',
  'field.hide': 'Hide',
  'field.showPassword': 'Show password',
  'field.hidePassword': 'Hide password',

  'answer.unreachable': 'The gateway does not answer. Check the connection and try again.',
  'answer.busy': 'The gateway is busy. Try again in a moment.',
  'answer.wait': 'Too many tries. Try again in {seconds} seconds.',
  'answer.unknown': 'Something went wrong. Try again.',

  'login.title': 'Log in',
  'login.to': 'to continue to',
  'login.keep': 'Keep me logged in',
  'login.submit': 'Log in',
  'login.busy': 'Logging in…',
  'login.leaving.title': 'You are logged in',
  'login.leaving.text': 'If nothing happens, use this link.',
  'login.leaving.link': 'Continue to {client}',
  'login.stopped.title': 'You are not logged in',
  'login.again': 'Start over',
  'login.noClient':
    'The address of this page does not say which application wants to log you in. Go back to it and try again.',
  'login.invalidRedirect':
    'Invalid redirect URI. The application asks to send you to an address that is not safe or not complete.',
  'login.noProvider': 'This gateway has no way to log in.',
  'login.pending.title': 'Waiting for approval',
  'login.pending.text': 'You are new here, so the owner of this gateway has to let you in first.',
  'login.pending.stay':
    'Stay on this page and it goes on by itself. Or close it, and log in again once you have been let in.',
  'login.pending.lost': 'The gateway does not answer. Trying again…',
  'login.pending.other': 'Log in as somebody else',
  'login.abort.login_expired': 'The login took too long.',
  'login.abort.login_expired.pending':
    'You have not been let in yet. Your request stands: log in again later to see whether you have.',
  'login.abort.rejected': 'You were not let in. If you think that is a mistake, ask the owner of this gateway.',
  'login.abort.approval_expired': 'Nobody let you in in time. Log in again to ask once more.',
  'login.abort.not_allowed': 'Too many people are waiting to be let in. Try again another day.',
  'login.unknownFlow': 'The gateway does not know this login any more.',
  'login.error.invalid_auth': 'Wrong username or password.',
  'login.error.invalid_code': 'That code is not right.',
  'login.error.other': 'That was not accepted.',

  'setUp.title': 'Set up Latchkey',
  'setUp.text': 'Make the owner’s account.',
  'setUp.code': 'Set-up code',
  'setUp.code.hint':
    'This is not the gateway’s own machine, so the code is needed that it showed when it started. It is also in the file “setup-code” of its data folder.',
  'setUp.code.wrong':
    'That set-up code is not right. The gateway showed it when it started, and keeps it in the file “setup-code” of its data folder.',
  'setUp.name': 'Name',
  'setUp.name.hint': 'As others see you.',
  'setUp.username.hint': 'Lower case, no spaces.',
  'setUp.again': 'Password again',
  'setUp.again.differs': 'The two passwords are not the same.',
  'setUp.submit': 'Create account',
  'setUp.busy': 'Creating…',
  'setUp.done.title': 'Welcome, {name}',
  'setUp.done.text': 'You own this gateway now.',
  'setUp.done.clients': 'Applications can log in here. Your username is',
  'setUp.done.continue': 'Continue to {client}',
  'setUp.already.title': 'Already set up',
  'setUp.already.text': 'This gateway has an owner.',
  'setUp.already.login': 'Log in',
  'setUp.already.clients': 'To log in, open the application that you want to use: it brings you here.',
  'setUp.stopped.title': 'Set-up cannot start',
  'setUp.retry': 'Try again',

  'running.title': 'The gateway is running',
  'running.text': 'To log in, open the application that you want to use: it brings you here.',
  'running.address': 'Address for applications',

  'app.ios': 'the Home Assistant app for iOS',
  'app.android': 'the Home Assistant app for Android',
} as const

export type TextKey = keyof typeof texts

export const isTextKey = (key: string): key is TextKey => Object.hasOwn(texts, key)

/** A text, with `{name}` replaced by the value of that name. */
export const text = (key: TextKey, values: Readonly<Record<string, string>> = {}): string =>
  texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
