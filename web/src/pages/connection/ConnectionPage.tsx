import { Trans, useLingui } from "@lingui/react/macro";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { locationsQuery } from "@/api/catalog";
import type { Schema } from "@/api/client";
import { CopyField } from "@/design/Copy";
import { EmptyState } from "@/design/EmptyState";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { MoreButton } from "@/design/MoreButton";
import { PageHead, Panel } from "@/design/Panel";
import { Segmented } from "@/design/Segmented";
import { SkeletonRows } from "@/design/Skeleton";
import { connectionsQuery } from "@/pages/proxy/queries";
import { ConnectionTable } from "./ConnectionTable";
import { placeOf } from "./places";
import { WorldMap } from "./WorldMap";

const route = getRouteApi("/_app/connection");

/** Where traffic can leave, and every connection so far. */
export function ConnectionPage() {
  const { t } = useLingui();
  const { state } = route.useSearch();
  const navigate = route.useNavigate();
  const history = useInfiniteQuery(connectionsQuery({ state }));
  const rows = useMemo(() => history.data?.pages.flatMap((page) => page.items) ?? [], [history.data]);
  return (
    <>
      <PageHead
        title={<Trans>Connections</Trans>}
        lead={<Trans>Choose where your traffic leaves, and see what went through.</Trans>}
      />
      <Locations />
      <Panel
        flush
        title={<Trans>History</Trans>}
        actions={
          <Segmented
            label={t`State`}
            value={state ?? "all"}
            onChange={(value) => void navigate({ search: value === "all" ? {} : { state: value }, replace: true })}
            options={[
              { value: "all", label: t`All` },
              { value: "open", label: t`Open` },
              { value: "closed", label: t`Ended` },
            ]}
          />
        }
      >
        <Loaded query={history}>{() => <ConnectionTable rows={rows} />}</Loaded>
        <MoreButton query={history} />
      </Panel>
    </>
  );
}

function Locations() {
  const { t } = useLingui();
  const locations = useQuery(locationsQuery);
  const [selected, setSelected] = useState<string>("");
  const [text, setText] = useState("");
  return (
    <Panel title={<Trans>Locations</Trans>}>
      <Loaded query={locations} skeleton={<SkeletonRows rows={3} />}>
        {(all) => {
          const wanted = text.trim().toLocaleLowerCase();
          const found = all.filter((one) =>
            `${one.name} ${one.city} ${one.country} ${one.region}`.toLocaleLowerCase().includes(wanted),
          );
          const chosen = all.find((one) => one.id === selected);
          const choose = (id: string) => setSelected(id === selected ? "" : id);
          const placed = all.filter((one) => placeOf(one.city));
          return (
            <div className={placed.length > 0 ? "grid gap-6 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]" : ""}>
              {placed.length > 0 && (
                <WorldMap
                  locations={placed}
                  selected={new Set(selected ? [selected] : [])}
                  onSelect={choose}
                  label={t`World map of the locations`}
                />
              )}
              <div className="grid content-start gap-3">
                <TextField
                  label={t`Search`}
                  type="search"
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                />
                {found.length === 0 ? (
                  <EmptyState>
                    <Trans>Nothing matches “{text}”.</Trans>
                  </EmptyState>
                ) : (
                  <ul className="grid gap-0.5">
                    {found.map((one) => (
                      <LocationRow
                        key={one.id}
                        location={one}
                        on={one.id === selected}
                        onChoose={() => choose(one.id)}
                      />
                    ))}
                  </ul>
                )}
                {chosen?.country && chosen.city && (
                  <div className="grid gap-1 border-t border-line pt-3">
                    <p className="text-sm text-text-2">
                      <Trans>Write your user name like this to leave from {chosen.name}:</Trans>
                    </p>
                    <CopyField value={usernameFor(chosen, t`NAME`)} label={t`Copy the user name`} />
                  </div>
                )}
              </div>
            </div>
          );
        }}
      </Loaded>
    </Panel>
  );
}

/** The user name that asks the proxy for a location; "_" stands for a blank in it. */
function usernameFor(location: Schema<"LocationView">, login: string): string {
  const word = (text: string) => text.toLowerCase().replaceAll(" ", "_");
  return `user-${login}-country-${word(location.country)}-city-${word(location.city)}`;
}

function LocationRow({
  location,
  on,
  onChoose,
}: {
  location: Schema<"LocationView">;
  on: boolean;
  onChoose: () => void;
}) {
  return (
    <li>
      <button
        type="button"
        aria-pressed={on}
        onClick={onChoose}
        className={`flex min-h-11 w-full items-center justify-between gap-3 rounded-control px-3 text-start transition-colors duration-90 md:min-h-9 ${on ? "bg-accent-soft text-accent" : "hover:bg-sunken"}`}
      >
        <span className="font-medium">{location.name}</span>
        <span className="text-sm text-text-3">{[location.city, location.country].filter(Boolean).join(", ")}</span>
      </button>
    </li>
  );
}
