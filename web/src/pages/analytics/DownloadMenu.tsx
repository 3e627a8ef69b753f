import { Trans } from "@lingui/react/macro";
import { Download } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { buttonClass } from "@/design/Button";
import { type Period, spanOf } from "./period";

const FORMATS = [
  { format: "csv", name: "CSV" },
  { format: "json", name: "JSON" },
  { format: "parquet", name: "Parquet" },
] as const;

/** The records of the period as a file: links, so that the browser saves what comes in whatever its size. */
export function DownloadMenu({ period }: { period: Period }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className={buttonClass()}>
        <Download className="size-4" aria-hidden="true" />
        <Trans>Export</Trans>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="enter-menu z-40 w-56 rounded-card border border-line bg-surface p-1.5 shadow-float"
        >
          <p className="px-2.5 py-2 text-sm text-text-3">
            <Trans>Every connection of this period</Trans>
          </p>
          {FORMATS.map(({ format, name }) => (
            <DropdownMenu.Item key={format} asChild>
              <a
                href={addressOf(period, format)}
                download
                className="flex h-9 items-center rounded-chip px-2.5 outline-none data-highlighted:bg-sunken"
              >
                {name}
              </a>
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function addressOf(period: Period, format: string): string {
  const { since, until } = spanOf(period, new Date());
  const query = new URLSearchParams({ format, since: since.toISOString(), until: until.toISOString() });
  return `/api/analytics/export?${query}`;
}
