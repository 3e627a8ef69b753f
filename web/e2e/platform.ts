import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Where the platform of the tests is, as `tollway up --json` says it. */
export interface Platform {
  api: string;
  inbox: string;
  operator: { email: string; password: string };
}

const ROOT = join(import.meta.dirname, "..", "..");

/** Start the whole platform in a folder of its own, on free ports; return what stops it. */
export default async function start(): Promise<() => Promise<void>> {
  const data = await mkdtemp(join(tmpdir(), "tollway-console-"));
  const process_ = spawn(join(ROOT, ".venv", "bin", "tollway"), ["up", "--data", data, "--port-base", "0", "--json"], {
    env: { ...process.env, TOLLWAY_EDGE__ALLOW_RANGES: '["127.0.0.0/8"]', TOLLWAY_GATEWAY__LIMITS: LIMITS },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => process_.once("exit", () => resolve()));
  const stop = async () => {
    process_.kill("SIGTERM");
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: process_.stdout })) {
    if (!line.startsWith("{")) continue;
    // What is printed for programs holds no password.
    const operator = JSON.parse(await readFile(join(data, "secrets", "operator.json"), "utf8")) as object;
    process.env.TOLLWAY_PLATFORM = JSON.stringify({ ...(JSON.parse(line) as object), operator });
    return stop;
  }
  await stop();
  throw new Error("the platform did not start");
}

// All customers of the tests share one address.
const LIMITS = JSON.stringify({
  default: { quota: 1_000, window_s: 60 },
  login: { quota: 1_000, window_s: 60, by: "ip" },
});

export function platform(): Platform {
  return JSON.parse(process.env.TOLLWAY_PLATFORM ?? "{}") as Platform;
}
