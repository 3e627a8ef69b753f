import { useQuery } from "@tanstack/react-query";
import { geoEqualEarth, geoPath } from "d3-geo";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import landFile from "world-atlas/land-110m.json?url";
import type { Schema } from "@/api/client";
import { load } from "@/api/files";
import { Skeleton } from "@/design/Skeleton";
import { placeOf } from "./places";

type Location = Pick<Schema<"LocationView">, "id" | "name" | "city">;

const WIDTH = 960;
const HEIGHT = 460;

/** The locations on a map. The list beside it says the same in words; the map is a second way to choose from it. */
export function WorldMap({
  locations,
  selected,
  onSelect,
  label,
}: {
  locations: readonly Location[];
  selected: ReadonlySet<string>;
  onSelect: (id: string) => void;
  label: string;
}) {
  const land = useQuery({
    queryKey: ["files", "land"],
    queryFn: () => load<Topology<{ land: GeometryCollection }>>(landFile),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!land.data) return <Skeleton className="aspect-[960/460] w-full" />;
  const projection = geoEqualEarth().fitSize([WIDTH, HEIGHT], { type: "Sphere" });
  const outline = geoPath(projection)(feature(land.data, land.data.objects.land)) ?? "";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing cannot be a fieldset
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="w-full" role="group" aria-label={label}>
      <path d={outline} className="fill-line" />
      {locations.map((location) => {
        const place = placeOf(location.city);
        const point = place && projection([place[0], place[1]]);
        if (!point) return null;
        const on = selected.has(location.id);
        return (
          // biome-ignore lint/a11y/useSemanticElements: a button cannot stand inside a drawing
          <g
            key={location.id}
            role="button"
            tabIndex={0}
            aria-pressed={on}
            aria-label={location.name}
            className="group cursor-pointer outline-none"
            onClick={() => onSelect(location.id)}
            onKeyDown={(event) => {
              if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                onSelect(location.id);
              }
            }}
          >
            <circle cx={point[0]} cy={point[1]} r="22" className="fill-transparent" />
            <circle
              cx={point[0]}
              cy={point[1]}
              r={on ? 11 : 8}
              className="fill-accent opacity-25 group-focus-visible:opacity-60"
            />
            <circle
              cx={point[0]}
              cy={point[1]}
              r="5"
              className={on ? "fill-accent" : "fill-surface stroke-accent"}
              strokeWidth="2"
            />
            <text x={point[0]} y={point[1] - 14} textAnchor="middle" className="fill-text text-[15px] font-medium">
              {location.city}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
