import { expect, type Page, test } from "@playwright/test";
import { deposit, register, signIn } from "./customer";
import { platform } from "./platform";
import { buy } from "./traffic";

// What the console holds itself to: how much it loads, how soon it is there, and that nothing moves while it comes.

const SCRIPT_BYTES = 172_000;
const SHIFT = 0.05;

interface Marks {
  shift: number;
  paintMs: number;
  readyMs: number;
  scriptBytes: number;
}

/** Have the browser note shifts and paints from the first moment on. */
async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const marks = { shift: 0, paintMs: 0 };
    Object.assign(window, { marks });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[])
        if (!entry.hadRecentInput) marks.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => {
      marks.paintMs = list.getEntries().at(-1)?.startTime ?? marks.paintMs;
    }).observe({ type: "largest-contentful-paint", buffered: true });
  });
}

async function marksOf(page: Page): Promise<Marks> {
  return await page.evaluate(() => {
    const { shift, paintMs } = (window as unknown as { marks: { shift: number; paintMs: number } }).marks;
    const scripts = performance
      .getEntriesByType("resource")
      .filter((one) => one.name.split("?")[0]?.endsWith(".js")) as PerformanceResourceTiming[];
    return {
      shift,
      paintMs,
      readyMs: performance.now(),
      scriptBytes: scripts.reduce((sum, one) => sum + one.encodedBodySize, 0),
    };
  });
}

test("the dashboard loads no more script than it may, and its times are printed", async ({ page, context }) => {
  const email = await register(page);
  await deposit(email, "20");
  await buy(email);
  await signIn(page, email);
  await page.close();

  const times: Marks[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    const fresh = await context.newPage();
    await watch(fresh);
    await fresh.goto(`${platform().api}/dashboard`);
    const connect = fresh.getByRole("main").getByRole("button", { name: "Connect", exact: true });
    // Interactive: what the page is for can be pressed.
    await connect.click({ trial: true });
    const { readyMs } = await marksOf(fresh);
    await fresh.waitForLoadState("networkidle").catch(() => undefined);
    times.push({ ...(await marksOf(fresh)), readyMs });
    await fresh.close();
  }
  // The first turn fills the cache.
  const [first, ...warm] = times;
  const middle = (values: number[]) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
  process.stdout.write(
    [
      `figure console_script_kb ${((first?.scriptBytes ?? 0) / 1000).toFixed(1)}`,
      `figure console_paint_ms ${middle(warm.map((one) => one.paintMs)).toFixed(0)}`,
      `figure console_ready_ms ${middle(warm.map((one) => one.readyMs)).toFixed(0)}`,
      `figure console_shift ${Math.max(...times.map((one) => one.shift)).toFixed(4)}`,
      "",
    ].join("\n"),
  );
  expect(first?.scriptBytes).toBeGreaterThan(50_000);
  expect(first?.scriptBytes).toBeLessThanOrEqual(SCRIPT_BYTES);
});

for (const size of [
  { width: 1440, height: 900 },
  { width: 360, height: 740 },
]) {
  test(`nothing moves while a page comes, ${size.width} wide`, async ({ browser }) => {
    test.setTimeout(180_000);
    const context = await browser.newContext({ viewport: size, locale: "en" });
    const page = await context.newPage();
    const email = await register(page);
    await deposit(email, "20");
    await buy(email);
    await signIn(page, email);
    await watch(page);
    const found: string[] = [];
    for (const path of [
      "dashboard",
      "proxy",
      "connection",
      "billing",
      "billing/catalogue",
      "billing/statement",
      "analytics",
      "account",
    ]) {
      await page.goto(`${platform().api}/${path}`);
      await expect(page.getByRole("heading", { level: 1 }).first()).toBeVisible();
      await page.waitForLoadState("networkidle").catch(() => undefined);
      const { shift } = await marksOf(page);
      if (shift >= SHIFT) found.push(`${path}: ${shift.toFixed(3)}`);
    }
    expect(found).toEqual([]);
    await context.close();
  });
}

for (const size of [
  { width: 1440, height: 900 },
  { width: 360, height: 740 },
]) {
  test(`of 10,000 rows only those near the screen are in the page, ${size.width} wide`, async ({ browser }) => {
    const page = await (await browser.newContext({ viewport: size })).newPage();
    await page.goto(`${platform().api}/design?rows=10000`);
    const list =
      size.width > 800 ? page.getByRole("table", { name: "Holdings" }) : page.getByRole("list", { name: "Holdings" });
    await expect(list).toBeVisible();
    const rows = () => list.locator(size.width > 800 ? "tbody tr[aria-rowindex]" : "li[aria-posinset]").count();
    expect(await rows()).toBeLessThanOrEqual(250);
    const height = await list.evaluate((element) => element.clientHeight);
    expect(height).toBeGreaterThan(350_000);
    for (const share of [0.25, 0.5, 0.75, 1]) {
      await list.evaluate((element, at) => {
        const box = element.getBoundingClientRect();
        window.scrollTo(0, window.scrollY + box.top + box.height * at - window.innerHeight);
      }, share);
      // What is seen is rows, not the room that they leave.
      await expect
        .poll(() =>
          page.evaluate(() =>
            Boolean(
              document
                .elementFromPoint(window.innerWidth / 2, window.innerHeight / 2)
                ?.closest("[aria-rowindex], [aria-posinset]"),
            ),
          ),
        )
        .toBe(true);
      expect(await rows()).toBeLessThanOrEqual(300);
    }
    // Scrolled by hand, no frame takes long.
    await page.mouse.move(size.width / 2, size.height / 2);
    const slow = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let count = 0;
          const began = performance.now();
          let before = began;
          const frame = (now: number) => {
            if (now - before > 100) count += 1;
            before = now;
            if (now - began < 2_000) requestAnimationFrame(frame);
            else resolve(count);
          };
          requestAnimationFrame(frame);
        }),
    );
    for (let turn = 0; turn < 30; turn += 1) await page.mouse.wheel(0, -600);
    process.stdout.write(`figure console_slow_frames_${size.width} ${await slow}\n`);
    await page.context().close();
  });
}
