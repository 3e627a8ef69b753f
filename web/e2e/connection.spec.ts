import { connect } from "node:net";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { deposit, errorsOf, program, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy, startOrigin } from "./traffic";

interface Connected {
  username: string;
  password: string;
  proxies: { protocol: string; host: string; port: number }[];
}

async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`)).toEqual(
    [],
  );
}

/** Open a tunnel through the proxy; resolves when the proxy has answered. */
async function tunnel({ username, password, proxies }: Connected, target: string): Promise<{ ended: Promise<void> }> {
  const proxy = proxies.find(({ protocol }) => protocol === "http");
  if (!proxy) throw new Error("there is no HTTP proxy");
  const socket = connect(proxy.port, proxy.host);
  socket.on("error", () => undefined); // it is reset when it is ended
  const login = Buffer.from(`${username}:${password}`).toString("base64");
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Basic ${login}\r\n\r\n`);
  const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
  expect(answer).toContain(" 200 ");
  return { ended: new Promise((resolve) => socket.once("close", () => resolve())) };
}

test("locations are starred, and open connections are ended together", async ({ page }) => {
  const errors = errorsOf(page);
  const email = await register(page);
  const call = await program(email);
  await deposit(email, "20");
  await buy(email);
  const connected = (await call("POST", "/api/proxy/connect", { label: "test" })) as Connected;
  await signIn(page, email);
  await page.goto(`${platform().api}/connection`);

  await expect(page.getByText("Load not known").first()).toBeVisible();
  const which = page.getByRole("group", { name: "Locations" });
  await which.getByText("Favourites").click();
  await expect(page.getByText("No favourites. Star a location to keep it on top.")).toBeVisible();
  await which.getByText("All").click();
  await page.getByRole("button", { name: "Make The server's own address a favourite" }).click();
  const starred = page.getByRole("button", { name: "Take The server's own address from the favourites" });
  await expect(starred).toHaveAttribute("aria-pressed", "true");
  await expect
    .poll(async () => ((await call("GET", "/api/users/me/preferences")) as { preferences: object }).preferences)
    .toEqual({ favourite_locations: "direct" });
  await page.reload();
  await expect(starred).toBeVisible();

  const { authority, server } = await startOrigin(1);
  const first = await tunnel(connected, authority);
  const second = await tunnel(connected, authority);
  await expect(async () => {
    await page.reload();
    await expect(page.getByText("2 are open")).toBeVisible({ timeout: 2_000 });
  }).toPass();
  const end = page.getByRole("button", { name: "End them" });
  await expect(end).toBeDisabled();
  await page
    .getByRole("checkbox", { name: `Choose ${authority}` })
    .first()
    .check();
  await expect(page.getByText("1 chosen")).toBeVisible();
  await page.getByRole("button", { name: "Choose all that are open" }).click();
  await expect(page.getByText("2 chosen")).toBeVisible();
  await accessible(page);
  await end.click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("2 connections end within a second.")).toBeVisible();
  await dialog.getByRole("button", { name: "End them" }).click();
  await Promise.all([first.ended, second.ended]);
  server.close();
  await expect(async () => {
    await page.reload();
    await expect(page.getByText("Ended", { exact: true }).first()).toBeVisible({ timeout: 2_000 });
    await expect(page.getByText("are open")).toHaveCount(0);
  }).toPass();

  const search = page.getByRole("search").filter({ has: page.getByLabel("Target") });
  const rows = page.getByRole("table", { name: "Connections" }).getByRole("row");
  await search.getByLabel("Target").fill("127.0.0.2");
  await expect(page).toHaveURL(/target=/);
  await expect(rows).toHaveCount(3); // with the head
  await search.getByLabel("Protocol").selectOption("SOCKS5");
  await expect(page.getByText("No connection matches these filters.")).toBeVisible();
  await page.reload();
  await expect(search.getByLabel("Target")).toHaveValue("127.0.0.2");
  await expect(page.getByText("No connection matches these filters.")).toBeVisible();
  await search.getByLabel("Protocol").selectOption("HTTPS");
  await expect(rows).toHaveCount(3);
  await search.getByLabel("Target").fill("elsewhere");
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await expect(search.getByLabel("Target")).toHaveValue("");
  await expect(rows).toHaveCount(3);
  expect(errors).toEqual([]);
});
