import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { expect } from "@playwright/test";
import { program } from "./customer";

export const PRODUCT = "bandwidth.datacenter.standard";

/** Buy data with what is in the wallet. */
export async function buy(email: string, bytes = "1000000000"): Promise<void> {
  const call = await program(email);
  const order = { asset: PRODUCT, quantity: bytes, currency: "USD" };
  // The money may be on its way yet.
  await expect(async () => call("POST", "/api/orders", order, `order-${email}-${Date.now()}`)).toPass();
}

/** A server on the web that answers everything with so many bytes. */
export async function startOrigin(bytes: number): Promise<{ authority: string; server: Server }> {
  const body = Buffer.alloc(bytes, "x");
  const server = createServer((_request, answer) => answer.end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.2", resolve));
  return { authority: `127.0.0.2:${(server.address() as AddressInfo).port}`, server };
}

/** Fetch an address through the proxy, with a client that calls itself so. */
export async function fetchThrough(email: string, url: string, userAgent = "curl"): Promise<void> {
  const call = await program(email);
  const connected = (await call("POST", "/api/proxy/connect", { label: "tests", asset: PRODUCT })) as {
    proxies: { protocol: string; url: string }[];
  };
  const proxy = connected.proxies.find(({ protocol }) => protocol === "http")?.url ?? "";
  const args = ["-sS", "-f", "-o", "/dev/null", "-A", userAgent, "--proxy", proxy, url];
  await promisify(execFile)("curl", args);
}
