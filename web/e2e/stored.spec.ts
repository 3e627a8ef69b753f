import { expect, type Page, test } from "@playwright/test";
import { deposit, errorsOf, PASSWORD, program, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy, PRODUCT } from "./traffic";

const SCRIPTS = [
  "<script>window.hit=1</script>",
  '"><img src=x onerror=window.hit=1>',
  "<svg onload=window.hit=1>",
  "javascript:window.hit=1",
  "{{constructor.constructor('window.hit=1')()}}",
  "</title><script>window.hit=1</script>",
  "'-window.hit=1-'",
  "<a href=javascript:window.hit=1 autofocus onfocus=window.hit=1>x</a>",
];

const CUSTOMER = [
  "dashboard",
  "proxy",
  "connection",
  "billing",
  "billing/orders",
  "billing/statement",
  "analytics",
  "account",
];

/** Open pages, wait until their texts are there, and say whether a script of a stored text ran. */
async function harmless(page: Page, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await page.goto(`${platform().api}/${path}`);
    await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
    await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
    expect(await page.evaluate(() => (window as unknown as { hit?: number }).hit), path).toBeUndefined();
  }
}

test("whatever a customer stored is shown as text, to the customer and to the operator, and no script of it runs", async ({
  page,
  browser,
}) => {
  test.setTimeout(240_000);
  const errors = errorsOf(page);
  const [email, friend] = [await register(page), await register(page)];
  const call = await program(email);
  await deposit(email, "20");
  await buy(email);
  // Every field that takes a text of a customer's own. What the platform refuses to keep fails here: then it is no such field.
  for (const [index, text] of SCRIPTS.entries()) {
    const access = { label: text.slice(0, 60), asset: PRODUCT };
    const { id } = (await call("POST", "/api/access/resources", access, `access-${email}-${index}`)) as { id: string };
    const credentials = `/api/access/resources/${id}/credentials`;
    await call("POST", credentials, { label: text.slice(0, 60) }, `credential-${email}-${index}`);
    const gift = { to_email: friend, asset: "USD", amount: "0.10", note: text };
    await call("POST", "/api/transactions", gift, `gift-${email}-${index}`);
    await call("PATCH", "/api/users/me", { display_name: text });
    // A session keeps the name of the client that signed in.
    const answer = await fetch(`${platform().api}/api/auth/token`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": text },
      body: JSON.stringify({ email, password: PASSWORD }),
    });
    expect(answer.ok).toBe(true);
  }
  await call("PUT", "/api/users/me/preferences", { preferences: { theme: SCRIPTS[0], "<script>": SCRIPTS[1] } }).catch(
    () => undefined, // a preference has a form of its own
  );
  // A host name that a client asks the proxy for is kept with the connection, whether it was reached or not.
  const connected = (await call("POST", "/api/proxy/connect", { label: SCRIPTS[1], asset: PRODUCT })) as {
    proxies: { protocol: string; url: string }[];
  };
  const proxy = new URL(connected.proxies.find(({ protocol }) => protocol === "http")?.url ?? "");
  await sendThroughProxy(proxy, SCRIPTS[1] ?? "");

  await signIn(page, email);
  await harmless(page, CUSTOMER);
  await page.goto(`${platform().api}/proxy`);
  for (const text of SCRIPTS) await expect(page.getByText(text.slice(0, 60)).first()).toBeAttached();
  await page.goto(`${platform().api}/billing/statement?code=give`);
  for (const text of SCRIPTS) await expect(page.getByText(text, { exact: true }).first()).toBeVisible();
  await page.getByRole("table", { name: "Statement" }).getByText("Gift").first().click();
  await expect(page.getByRole("dialog").getByText("window.hit=1", { exact: false }).first()).toBeVisible();
  await page.goto(`${platform().api}/account`);
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue(SCRIPTS.at(-1) ?? "");
  await expect(page.locator('[title*="window.hit=1"]').first()).toBeAttached();

  // The receiver of a gift sees its note, an operator sees everything.
  const theirs = await (await browser.newContext()).newPage();
  await signIn(theirs, friend);
  await harmless(theirs, ["billing/statement"]);
  await expect(theirs.getByText(SCRIPTS[0] ?? "").first()).toBeVisible();
  const { operator } = platform();
  await signIn(page, operator.email, operator.password);
  const { id } = (await call("GET", "/api/auth/me")) as { id: string };
  await harmless(page, [
    "operate",
    "operate/live",
    "operate/audit",
    ...["overview", "money", "payments", "orders", "access", "signins", "mails", "history"].map(
      (part) => `operate/customers?customer=${id}&part=${part}`,
    ),
  ]);
  expect(errors).toEqual([]);
});

async function sendThroughProxy(proxy: URL, text: string): Promise<void> {
  const { connect } = await import("node:net");
  const login = Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`);
  const head = [
    `GET http://127.0.0.2:9/${encodeURI(text)} HTTP/1.1`,
    "Host: 127.0.0.2:9",
    `Proxy-Authorization: Basic ${login.toString("base64")}`,
    `User-Agent: ${text}`,
    `X-Note: ${text}`,
    "Connection: close",
  ];
  await new Promise<void>((resolve, reject) => {
    const socket = connect(Number(proxy.port), proxy.hostname, () => socket.end(`${head.join("\r\n")}\r\n\r\n`));
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.resume();
  });
}
