import { Trans } from "@lingui/react/macro";
import { PageHead } from "@/design/Panel";
import { HistoryPanel } from "./HistoryPanel";
import { LocationsPanel } from "./LocationsPanel";

/** Where traffic can leave, and every connection so far. */
export function ConnectionPage() {
  return (
    <>
      <PageHead
        title={<Trans>Connections</Trans>}
        lead={<Trans>Choose where your traffic leaves, and see what went through.</Trans>}
      />
      <LocationsPanel />
      <HistoryPanel />
    </>
  );
}
