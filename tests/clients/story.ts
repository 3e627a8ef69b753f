// A customer's first hour through the generated client: sign in, deposit, buy, connect, look, sign out.
// Arguments: the platform's address, e-mail address, password, asset. Prints what was done as JSON.

import { client } from "./client/client.gen.js";
import * as api from "./client/sdk.gen.js";
import type { components } from "./schema.js";

const [address, email, password, asset] = process.argv.slice(2) as [string, string, string, string];
const key = () => ({ "idempotency-key": crypto.randomUUID() });

function done<T>(answer: { data?: T; error?: { code?: string } | unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

client.setConfig({ baseUrl: address });
const wrong = await api.postAuthToken({ body: { email, password: "not this one" } });
const refusal = wrong.error as components["schemas"]["Problem"];

const tokens = done(await api.postAuthToken({ body: { email, password } }));
client.setConfig({ baseUrl: address, auth: tokens.access_token });

let deposit = done(
  await api.postWalletDeposit({ body: { amount: "20.00", payment_method: "pm_card_visa" }, headers: key() }),
);
for (let tries = 0; deposit.state !== "credited" && tries < 300; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  deposit = done(await api.getWalletDepositsDepositId({ path: { deposit_id: deposit.id } }));
}
const quantity = "1000000000";
const quote = done(await api.postOrdersQuote({ body: { asset, quantity, currency: "USD" } }));
const order = done(await api.postOrders({ body: { quote_id: quote.id }, headers: key() }));
const connected = done(await api.postProxyConnect({ body: { asset } }));
const orders = done(await api.getOrders({ query: { limit: 10 } }));
const portfolio = done(await api.getPortfolio());
const usage = done(await api.getUsageStats());
const out = await api.postAuthLogout();

// The answers are also what the other generator's types say.
const listed: components["schemas"]["OrderView"][] = orders.items;
console.log(
  JSON.stringify({
    refusal: refusal.code,
    deposit: deposit.state,
    order: order.state,
    listed: listed.map((one) => one.id === order.id),
    remaining: portfolio.holdings.map((one) => one.remaining),
    proxies: connected.proxies.length > 0,
    open_connections: usage.open_connections,
    signed_out: out.response?.status,
  }),
);
