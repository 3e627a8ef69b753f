import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { create } from "zustand";
import type { Schema } from "./client";
import { keys } from "./keys";

type Stats = Schema<"StatsView">;
interface LiveMessage {
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

// As the reason of a close (RFC 6455, 7.4): the code of the problem.
const SIGNED_OUT = "session_ended";

const KEPT_SAMPLES = 300;

export interface LiveUsage {
  state: LiveState;
  lastAt: Date | null;
  samples: readonly RateSample[];
}

const START: LiveUsage = { state: "connecting", lastAt: null, samples: [] };

/** How the connection is, and the throughput since it was opened. The numbers themselves are in the query cache under `keys.usage()`. */
export const useLiveUsage = create<LiveUsage>(() => START);

/**
 * Follow one's own usage over a WebSocket as long as the part of the page that calls this is there. A lost connection is opened again, with a
 * growing pause. It is also how a page learns at once that its session ended elsewhere.
 */
export function useFollowUsage(): void {
  const queries = useQueryClient();

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
        useLiveUsage.setState(({ samples }) => ({ samples: [...samples.slice(1 - KEPT_SAMPLES), sample] }));
      }
      previous = { at: now, sent, received };
    };

    const open = () => {
      const address = new URL("/api/usage/live", window.location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(address);
      watchSilence();
      socket.onmessage = (message: MessageEvent<string>) => {
        const update = JSON.parse(message.data) as LiveMessage;
        pause = FIRST_RETRY_MS;
        useLiveUsage.setState({ state: "live", lastAt: new Date() });
        watchSilence();
        if (update.usage) take(update.usage);
      };
      let heard = false;
      socket.onopen = () => {
        heard = true;
      };
      socket.onclose = ({ reason }) => {
        window.clearTimeout(silence);
        previous = undefined;
        if (stopped) return;
        useLiveUsage.setState({ state: "lost" });
        // The session may be over: then the shell shows at once how to sign in again. A browser does not say why a connection was refused.
        if (reason === SIGNED_OUT || !heard) void queries.refetchQueries({ queryKey: keys.me() });
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
      useLiveUsage.setState(START);
    };
  }, [queries]);
}
