// Read once, before the first render: the address is cleared at once, so that the token stays in no history and no screenshot.
const token = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
if (token) window.history.replaceState(window.history.state, "", window.location.pathname);

/** The token of the mailed link that opened this page; empty without one. It stands behind "#", which browsers send to no server. */
export function linkToken(): string {
  return token;
}
