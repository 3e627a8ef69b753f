import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { Table } from "@/design/Table";
import { locationsQuery } from "./queries";

/** Where traffic leaves. A location is what edges are set up with, so it is added in the settings, not here. */
export function LocationsPanel() {
  const { t } = useLingui();
  const locations = useQuery(locationsQuery);
  return (
    <Panel flush title={<Trans>Locations</Trans>}>
      <Loaded query={locations}>
        {(all) => (
          <Table
            label={t`Locations`}
            rows={all}
            rowKey={(one) => one.id}
            columns={[
              { key: "name", head: t`Name`, phone: "title", cell: (one) => one.name || one.id },
              { key: "id", head: t`Id`, cell: (one) => <code>{one.id}</code> },
              { key: "country", head: t`Country`, phone: "end", cell: (one) => one.country || "–" },
              { key: "city", head: t`City`, phone: "hidden", cell: (one) => one.city || "–" },
            ]}
          />
        )}
      </Loaded>
      <p className="border-t border-line p-4 text-sm text-text-3">
        <Trans>
          Edges must know a location before traffic can leave there: add it to <code>network.locations</code> in the
          settings and start them anew.
        </Trans>
      </p>
    </Panel>
  );
}
