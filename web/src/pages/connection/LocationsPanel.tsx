import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Star } from "lucide-react";
import { useState } from "react";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { usePreferredSet } from "@/api/preferences";
import { IconButton } from "@/design/Button";
import { CopyField } from "@/design/Copy";
import { EmptyState } from "@/design/EmptyState";
import { TextField } from "@/design/Field";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Segmented } from "@/design/Segmented";
import { Skeleton } from "@/design/Skeleton";
import { placeOf } from "./places";
import { WorldMap } from "./WorldMap";

type Location = Schema<"LocationFiguresView">;

/** Where traffic can leave: a list with what is known of each place, favourites on top, and a map of it. */
export function LocationsPanel() {
  const { t } = useLingui();
  const locations = useQuery({
    queryKey: keys.locationFigures(),
    queryFn: async () => (await body(api.GET("/api/proxy/locations"))).items,
  });
  const favourites = usePreferredSet("favourite_locations");
  const [selected, setSelected] = useState<string>("");
  const [text, setText] = useState("");
  const [shown, setShown] = useState("all");
  return (
    <Panel
      title={<Trans>Locations</Trans>}
      actions={
        <Segmented
          label={t`Locations`}
          value={shown}
          onChange={setShown}
          options={[
            { value: "all", label: t`All` },
            { value: "favourites", label: t`Favourites` },
          ]}
        />
      }
    >
      <Loaded query={locations} skeleton={<Skeleton className="h-72 md:h-44" />}>
        {(all) => {
          const wanted = text.trim().toLocaleLowerCase();
          const found = all
            .filter((one) => shown === "all" || favourites.chosen.has(one.id))
            .filter((one) =>
              `${one.name} ${one.city} ${one.country} ${one.region}`.toLocaleLowerCase().includes(wanted),
            )
            .sort((one, other) => Number(favourites.chosen.has(other.id)) - Number(favourites.chosen.has(one.id)));
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
                {favourites.error && <ProblemNotice error={favourites.error} />}
                {found.length === 0 ? (
                  <EmptyState>
                    {wanted ? (
                      <Trans>Nothing matches “{text}”.</Trans>
                    ) : (
                      <Trans>No favourites. Star a location to keep it on top.</Trans>
                    )}
                  </EmptyState>
                ) : (
                  <ul className="grid gap-0.5">
                    {found.map((one) => (
                      <LocationRow
                        key={one.id}
                        location={one}
                        on={one.id === selected}
                        favourite={favourites.chosen.has(one.id)}
                        onChoose={() => choose(one.id)}
                        onStar={() => favourites.toggle(one.id)}
                      />
                    ))}
                  </ul>
                )}
                <p className="text-sm text-text-3">
                  <Trans>
                    Load is what the proxies there carry of what they are meant to. Uptime is of the last 30 days, by a
                    look each minute. How long the way from you takes is not measured; the connection test on the proxy
                    page shows the rest of it.
                  </Trans>
                </p>
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
function usernameFor(location: Location, login: string): string {
  const word = (text: string) => text.toLowerCase().replaceAll(" ", "_");
  return `user-${login}-country-${word(location.country)}-city-${word(location.city)}`;
}

function LocationRow({
  location,
  on,
  favourite,
  onChoose,
  onStar,
}: {
  location: Location;
  on: boolean;
  favourite: boolean;
  onChoose: () => void;
  onStar: () => void;
}) {
  const { t } = useLingui();
  const { name } = location;
  const place = [location.city, location.country].filter(Boolean).join(", ");
  return (
    <li className="flex items-center gap-1">
      <IconButton
        label={favourite ? t`Take ${name} from the favourites` : t`Make ${name} a favourite`}
        aria-pressed={favourite}
        onClick={onStar}
      >
        <Star className={`size-4 ${favourite ? "fill-accent text-accent" : ""}`} />
      </IconButton>
      <button
        type="button"
        aria-pressed={on}
        onClick={onChoose}
        className={`grid min-h-11 w-full min-w-0 gap-x-3 rounded-control px-3 py-1.5 text-start transition-colors duration-90 ${on ? "bg-accent-soft text-accent" : "hover:bg-sunken"}`}
      >
        <span className="flex min-w-0 flex-wrap items-baseline justify-between gap-x-3">
          <span className="font-medium">{name}</span>
          {place && <span className={`text-sm ${on ? "" : "text-text-3"}`}>{place}</span>}
        </span>
        <Figures location={location} on={on} />
      </button>
    </li>
  );
}

/** What is known of a location; what is not says so. */
function Figures({
  location: { nodes_up: nodes, load, uptime, uptime_since: since },
  on,
}: {
  location: Location;
  on: boolean;
}) {
  const { i18n } = useLingui();
  const percent = (part: number, digits: number) =>
    i18n.number(part, { style: "percent", maximumFractionDigits: digits });
  return (
    <span className={`flex flex-wrap gap-x-3 text-sm ${on ? "" : "text-text-2"}`}>
      <span>{nodes === 0 ? <Trans>No proxy is up there</Trans> : <Trans>Up</Trans>}</span>
      <span>{load === null ? <Trans>Load not known</Trans> : <Trans>Load {percent(load, 0)}</Trans>}</span>
      <span>
        {uptime === null || since === null ? (
          <Trans>Uptime not measured</Trans>
        ) : (
          // Never rounded up to a whole that it is not.
          <Trans>
            Uptime {percent(Math.floor(uptime * 10_000) / 10_000, 2)} since{" "}
            {i18n.date(new Date(`${since}T00:00:00Z`), { dateStyle: "medium", timeZone: "UTC" })}
          </Trans>
        )}
      </span>
    </span>
  );
}
