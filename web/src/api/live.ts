import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Schema } from "./client";
import { keys } from "./keys";

type Stats = Schema<"StatsView">;
interface LiveUsage {
  type: "snapshot" | "change" | "heartbeat";
  usage: Stats | null;
}

export type LiveState = "connecting" | "live" | "lost";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;
// The platform sends a heartbeat more often than this; silence means that the connection is dead though nobody closed it.
const SILENCE_MS = 45_000;

/** One sample of throughput, taken from two messages that follow each other. */
export interface RateSample {
  at: number;
  sentPerSecond: number;
  receivedPerSecond: number;
}

const KEPT_SAMPLES = 300;

/**
 * Follow one's own usage over a WebSocket. The newest numbers go into the query cache under `keys.usage()`, so that every part of a page
 * shows the same ones. A lost connection is opened again, with a growing pause.
 */
export function useLiveUsage(): { state: LiveState; lastAt: Date | null; samples: readonly RateSample[] } {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [lastAt, setLastAt] = useState<Date | null>(null);
  const [samples, setSamples] = useState<readonly RateSample[]>([]);

  useEffect(() => {
    let socket: WebSocket | undefined;
    let retry: number | undefined;
    let silence: number | undefined;
    let pause = FIRST_RETRY_MS;
    let previous: { at: number; sent: bigint; received: bigint } | undefined;
    let stopped = false;

    const watchSilence = () => {
      window.clearTimeout(silence);
      silence = window.setTimeout(() => socket?.close(), SILENCE_MS);
    };

    const take = (usage: Stats) => {
      queries.setQueryData(keys.usage(), usage);
      const now = Date.now();
      const sent = BigInt(usage.all_time.bytes_sent);
      const received = BigInt(usage.all_time.bytes_received);
      if (previous && now > previous.at) {
        const seconds = (now - previous.at) / 1000;
        const sample = {
          at: now,
          sentPerSecond: Math.max(0, Number(sent - previous.sent) / seconds),
          receivedPerSecond: Math.max(0, Number(received - previous.received) / seconds),
        };
        setSamples((kept) => [...kept.slice(1 - KEPT_SAMPLES), sample]);
      }
      previous = { at: now, sent, received };
    };

    const open = () => {
      const address = new URL("/api/usage/live", window.location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(address);
      watchSilence();
      socket.onmessage = (message: MessageEvent<string>) => {
        const update = JSON.parse(message.data) as LiveUsage;
        pause = FIRST_RETRY_MS;
        setState("live");
        setLastAt(new Date());
        watchSilence();
        if (update.usage) take(update.usage);
      };
      socket.onclose = () => {
        window.clearTimeout(silence);
        previous = undefined;
        if (stopped) return;
        setState("lost");
        retry = window.setTimeout(open, pause);
        pause = Math.min(pause * 2, LAST_RETRY_MS);
      };
    };

    open();
    return () => {
      stopped = true;
      window.clearTimeout(retry);
      window.clearTimeout(silence);
      socket?.close();
    };
  }, [queries]);

  return { state, lastAt, samples };
}
