import { Check } from "lucide-react";
import { Time } from "./Values";

/** What happened, step by step, each with its time. */
export function StepList({ steps }: { steps: readonly { key: string; name: string; at: string }[] }) {
  return (
    <ol className="grid gap-0">
      {steps.map((step, index) => (
        <li key={step.key} className="relative flex gap-3 pb-4 last:pb-0">
          {index < steps.length - 1 && (
            <span className="absolute start-2.5 top-5 bottom-0 w-px bg-line" aria-hidden="true" />
          )}
          <span className="grid size-5 shrink-0 place-items-center rounded-full bg-ok-soft text-ok">
            <Check className="size-3" aria-hidden="true" />
          </span>
          <span className="flex grow flex-wrap justify-between gap-x-4">
            <span className="first-letter:uppercase">{step.name}</span>
            <span className="text-sm text-text-3">
              <Time at={step.at} />
            </span>
          </span>
        </li>
      ))}
    </ol>
  );
}
