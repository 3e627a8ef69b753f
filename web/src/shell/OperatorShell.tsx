import { Trans } from "@lingui/react/macro";
import { Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useMemo } from "react";
import { useAdmin } from "@/parts/AdminOnly";
import { OPERATOR_PLACES } from "./navigation";
import { Shell } from "./Shell";

export function OperatorShell() {
  const admin = useAdmin();
  const places = useMemo(() => OPERATOR_PLACES.filter((place) => admin || !place.admin), [admin]);
  return (
    <Shell
      operating
      places={places}
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
