import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import type { Schema } from "@/api/client";
import { Panel } from "@/design/Panel";

type Step = Schema<"DashboardStep">;

/** The way to the first byte: top up, buy, connect. It goes when the first byte went through. */
export function FirstSteps({ steps }: { steps: readonly Step[] }) {
  if (steps.every(({ done }) => done)) return null;
  return (
    <Panel title={<Trans>Three steps to your first connection</Trans>}>
      <ol className="grid gap-4 md:grid-cols-3">
        {steps.map((step, index) => (
          <StepItem key={step.name} number={index + 1} done={step.done} {...WORDS[step.name]} />
        ))}
      </ol>
    </Panel>
  );
}

const WORDS: Record<Step["name"], { name: ReactNode; children: ReactNode }> = {
  top_up: {
    name: <Trans>Top up the wallet</Trans>,
    children: (
      <Link to="/billing" className="text-accent hover:underline">
        <Trans>Pay by card</Trans>
      </Link>
    ),
  },
  buy: {
    name: <Trans>Buy data</Trans>,
    children: (
      <Link to="/billing/catalogue" className="text-accent hover:underline">
        <Trans>See the catalogue</Trans>
      </Link>
    ),
  },
  connect: { name: <Trans>Connect</Trans>, children: <Trans>Press Connect below and run the snippet.</Trans> },
};

function StepItem({
  number,
  done,
  name,
  children,
}: {
  number: number;
  done: boolean;
  name: ReactNode;
  children: ReactNode;
}) {
  return (
    <li className="flex gap-3">
      <span
        className={`grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold ${done ? "bg-ok-soft text-ok" : "bg-accent-soft text-accent"}`}
      >
        {done ? <Check className="size-3.5" /> : number}
      </span>
      <span>
        <span className={`block font-medium ${done ? "text-text-3 line-through" : ""}`}>{name}</span>
        {!done && <span className="text-text-2">{children}</span>}
      </span>
    </li>
  );
}
