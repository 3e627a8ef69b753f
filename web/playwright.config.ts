import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync) ?? "";

// One real platform for all tests, started by e2e/platform.ts; a customer of its own for each test.
export default defineConfig({
  testDir: "e2e",
  globalSetup: "./e2e/platform.ts",
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: "line",
  outputDir: "../build/console-tests",
  use: {
    locale: "en",
    launchOptions: { executablePath: CHROMIUM, args: ["--no-sandbox"] },
    viewport: { width: 1440, height: 900 },
  },
});
