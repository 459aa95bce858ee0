/**
 * A web view: here a page of Chromium, by Playwright. What its parts are elsewhere:
 *
 *             the bridge                                              run
 *   Android   externalAppV2: WebViewCompat.addWebMessageListener      evaluateJavascript
 *             externalApp: addJavascriptInterface
 *   iOS       webkit: WKUserContentController.add(_:name:)            evaluateJavaScript
 */

/** What the page finds in its window, for each of the bridges. `callApp` is where Playwright hands it over. */
const bridges = {
  externalAppV2: `{ postMessage: (json) => callApp('postMessage', json) }`,
  externalApp: `{
    getExternalAuth: (json) => callApp('getExternalAuth', json),
    revokeExternalAuth: (json) => callApp('revokeExternalAuth', json),
  }`,
  webkit: `{
    messageHandlers: {
      getExternalAuth: { postMessage: (payload) => callApp('getExternalAuth', payload) },
      revokeExternalAuth: { postMessage: (payload) => callApp('revokeExternalAuth', payload) },
    },
  }`,
}

/** `origin`: that of the app's own page. No other is heard, and none is answered. */
export const webViewOf = (page, origin) => ({
  /** Puts a bridge into the page. `app` is what `createExternalApp` made. */
  install: async (bridge, app) => {
    await page.exposeBinding('callApp', ({ frame }, method, message) => {
      // Bridges reach into frames, and stay when the page is left for another: those are strangers to the app.
      const isOurs = frame === page.mainFrame() && new URL(frame.url()).origin === origin
      if (isOurs) app[method](message)
    })
    await page.addInitScript(`window.${bridge} = ${bridges[bridge]}`)
  },

  /** Runs a script in the page. It judges for itself where it is: the page may have been left since it was asked for. */
  run: (script) => {
    page.evaluate(`if (location.origin === ${JSON.stringify(origin)}) ${script}`).catch(() => undefined)
  },

  show: (address) => page.goto(address),
})
