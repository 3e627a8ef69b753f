import { Trans } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { useMemo } from "react";
import { may } from "@/api/permissions";
import { meQuery } from "@/api/queries";
import { OPERATOR_PLACES } from "./navigation";
import { Shell } from "./Shell";

export function OperatorShell() {
  const { data: me } = useQuery(meQuery);
  const places = useMemo(() => OPERATOR_PLACES.filter(({ needs }) => !needs || may(me, needs)), [me]);
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
