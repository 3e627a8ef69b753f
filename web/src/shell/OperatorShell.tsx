import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { OPERATOR_PLACES } from "./navigation";
import { Shell } from "./Shell";

export function OperatorShell() {
  return (
    <Shell
      operating
      places={OPERATOR_PLACES}
      foot={
        <Link
          to="/dashboard"
          className="flex h-9 items-center gap-2.5 rounded-control px-2.5 text-text-2 hover:text-text"
        >
          <ArrowLeft className="size-4 rtl:rotate-180" aria-hidden="true" />
          <Trans>Your own pages</Trans>
        </Link>
      }
    />
  );
}
