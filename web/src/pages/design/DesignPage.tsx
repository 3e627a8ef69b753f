import { useSearch } from "@tanstack/react-router";
import { Plus, Trash2, Wallet } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { Problem } from "@/api/problem";
import { Bars } from "@/design/Bars";
import { Button, IconButton } from "@/design/Button";
import { ChartTable } from "@/design/ChartOrTable";
import { Code } from "@/design/Code";
import { CopyButton, CopyField } from "@/design/Copy";
import { ConfirmDialog, Dialog } from "@/design/Dialog";
import { EmptyState } from "@/design/EmptyState";
import { Facts } from "@/design/Facts";
import { SelectField, TextField } from "@/design/Field";
import { LiveLine } from "@/design/LiveLine";
import { Meter } from "@/design/Meter";
import { MoreButton } from "@/design/MoreButton";
import { PageHead, Panel } from "@/design/Panel";
import { PartTabs } from "@/design/PartTabs";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Progress } from "@/design/Progress";
import { Qr } from "@/design/Qr";
import { ReasonDialog } from "@/design/ReasonDialog";
import { SearchField } from "@/design/SearchField";
import { Segmented } from "@/design/Segmented";
import { Skeleton, SkeletonRows } from "@/design/Skeleton";
import { Spinner } from "@/design/Spinner";
import { Status } from "@/design/Status";
import { StepList } from "@/design/StepList";
import { Switch } from "@/design/Switch";
import { Table } from "@/design/Table";
import { Tabs } from "@/design/Tabs";
import { Toasts, toast } from "@/design/toast";
import { Bytes, Countdown, Money, Time } from "@/design/Values";

const COLORS = [
  ["page", "bg-page"],
  ["surface", "bg-surface"],
  ["sunken", "bg-sunken"],
  ["accent", "bg-accent"],
  ["accent-soft", "bg-accent-soft"],
  ["ok", "bg-ok"],
  ["ok-soft", "bg-ok-soft"],
  ["warn", "bg-warn"],
  ["warn-soft", "bg-warn-soft"],
  ["bad", "bg-bad"],
  ["bad-soft", "bg-bad-soft"],
  ["line", "bg-line"],
  ["chart-1", "bg-chart-1"],
  ["chart-2", "bg-chart-2"],
  ["chart-3", "bg-chart-3"],
  ["chart-4", "bg-chart-4"],
  ["chart-5", "bg-chart-5"],
] as const;
const SIZES = ["text-xs", "text-sm", "text-base", "text-md", "text-lg", "text-xl"] as const;
const AT = "2026-11-22T00:00:00Z";
type Open = "dialog" | "side" | "confirm" | "reason" | null;

/** Every component of the design system with its states. For whoever builds pages, so it is in English only. */
export function DesignPage() {
  const { rows = 1 } = useSearch({ from: "/design" });
  const lots = useMemo(
    () =>
      Array.from({ length: rows }, (_, place) => ({
        id: String(place + 1),
        asset: "bandwidth.datacenter.standard",
        left: String(1_200_000_000 - place),
      })),
    [rows],
  );
  const samples = useMemo(
    () =>
      Array.from({ length: 60 }, (_, place) => ({
        at: Date.now() - (60 - place) * 4_000,
        receivedPerSecond: 2_000_000 + 900_000 * Math.sin(place / 4),
        sentPerSecond: 300_000 + 100_000 * Math.cos(place / 3),
      })),
    [],
  );
  return (
    <main className="mx-auto grid max-w-4xl gap-6 p-4 pb-24">
      <PageHead title="Design system" lead="Every component and token, as pages use them." actions={<Dialogs />} />
      <Panel title="Colours">
        <ul className="grid grid-cols-2 gap-3 sm:grid-cols-4">
          {COLORS.map(([name, background]) => (
            <li key={name} className="flex items-center gap-2 text-sm">
              <span className={`size-8 rounded-control border border-line ${background}`} aria-hidden="true" />
              {name}
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title="Type">
        {SIZES.map((size) => (
          <p key={size} className={size}>
            {size} · 1,000,000,000 bytes
          </p>
        ))}
      </Panel>
      <Controls />
      <Panel title="Values">
        <Facts
          facts={[
            ["Money", <Money key="1" amount="12.40" currency="USD" />],
            ["Metered money", <Money key="2" amount="0.000213" currency="USD" metered />],
            ["Bytes", <Bytes key="3" count="12400000000" />],
            ["Time", <Time key="4" at={AT} />],
            ["Countdown", <Countdown key="5" until={AT} />],
            ["Copy", <CopyButton key="6" value="text" label="Copy the text" />],
          ]}
        />
      </Panel>
      <Panel title="Lists" flush>
        <Table
          label="Holdings"
          rows={lots}
          rowKey={(lot) => lot.id}
          columns={[
            { key: "asset", head: "Asset", phone: "title", cell: (lot) => lot.asset },
            { key: "id", head: "Id", cell: (lot) => lot.id },
            { key: "left", head: "Left", numeric: true, phone: "end", cell: (lot) => <Bytes count={lot.left} /> },
          ]}
        />
        <MoreButton query={{ hasNextPage: true, isFetchingNextPage: false, fetchNextPage: () => undefined }} />
      </Panel>
      <Panel title="States">
        <div className="grid gap-4">
          <div className="flex flex-wrap gap-2">
            {(["ok", "wait", "warn", "bad", "off"] as const).map((tone) => (
              <Status key={tone} tone={tone}>
                {tone}
              </Status>
            ))}
          </div>
          <EmptyState icon={<Wallet />} action={<Button>What to do next</Button>}>
            There is nothing here yet.
          </EmptyState>
          <ProblemNotice error={Problem.unreachable()} onRetry={() => undefined} />
          <Skeleton />
          <SkeletonRows rows={2} />
          <Spinner />
          <StepList
            steps={[
              { key: "1", name: "Paid", at: AT },
              { key: "2", name: "Delivered", at: AT },
            ]}
          />
        </div>
      </Panel>
      <Panel title="Charts">
        <div className="grid gap-6">
          <Bars
            title="Usage"
            points={["Mon", "Tue", "Wed"]}
            series={[
              { key: "http", label: "HTTP", values: [5n, 9n, 2n] },
              { key: "socks5", label: "SOCKS5", values: [3n, 0n, 7n] },
            ]}
            format={String}
          />
          <Meter value={0.6} label="Data left" />
          <Meter value={0.15} label="Data left, low" />
          <Meter value={0.05} label="Data left, nearly none" />
          <Progress value={0.4} label="Work under way" />
          <LiveLine samples={samples} label="Throughput" />
          <ChartTable
            title="Prices"
            numbers={{ head: ["Since", "Price"], rows: [{ key: "1", cells: ["1 Nov", "$2.20"] }] }}
          />
          <Qr text="https://example.com/" label="A code to scan" />
        </div>
      </Panel>
      <Panel title="Code">
        <Code text="curl -x http://user:password@127.0.0.1:3128 http://example.com/" />
        <CopyField value="http://127.0.0.1:3128" label="Endpoint" />
      </Panel>
      <Toasts />
    </main>
  );
}

function Controls() {
  const [on, setOn] = useState(true);
  const [choice, setChoice] = useState<"one" | "two">("one");
  const [sought, setSought] = useState("");
  return (
    <Panel title="Controls">
      <div className="grid gap-4">
        <Row>
          <Button kind="primary" icon={<Plus className="size-4" />}>
            Primary
          </Button>
          <Button>Plain</Button>
          <Button kind="quiet">Quiet</Button>
          <Button kind="danger">Danger</Button>
          <Button busy>Busy</Button>
          <Button disabled>Disabled</Button>
          <Button small>Small</Button>
          <IconButton label="Delete">
            <Trash2 className="size-4" />
          </IconButton>
          <Button onClick={() => toast("Saved", { action: { label: "Undo", run: () => undefined } })}>
            Show a toast
          </Button>
        </Row>
        <TextField label="Text" hint="What it is for" defaultValue="value" />
        <SearchField label="Search" value={sought} onChange={setSought} />
        <TextField label="Text with an error" error="Say what is wrong and what to do." defaultValue="value" />
        <SelectField label="Choice" options={[{ value: "one", label: "One" }]} />
        <Switch label="Switch" hint="What it does" checked={on} onChange={setOn} />
        <Segmented
          label="Segmented"
          value={choice}
          onChange={setChoice}
          options={[
            { value: "one", label: "One" },
            { value: "two", label: "Two" },
          ]}
        />
        <PartTabs
          label="Parts of one thing"
          value={choice}
          onChange={setChoice}
          parts={[
            { value: "one", label: "One" },
            { value: "two", label: "Two" },
          ]}
        />
        <Tabs
          label="Pages of one area"
          tabs={[
            { to: "/design", name: "This page" },
            { to: "/login", name: "Another" },
          ]}
        />
      </div>
    </Panel>
  );
}

function Dialogs() {
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const change = { mutate: close, isPending: false, error: null };
  return (
    <>
      <Button small onClick={() => setOpen("dialog")}>
        Dialog
      </Button>
      <Button small onClick={() => setOpen("side")}>
        Side
      </Button>
      <Button small onClick={() => setOpen("confirm")}>
        Confirm
      </Button>
      <Button small onClick={() => setOpen("reason")}>
        Reason
      </Button>
      {open === "dialog" && (
        <Dialog title="A dialog" onClose={close} footer={<Button onClick={close}>Close</Button>}>
          What it is about.
        </Dialog>
      )}
      {open === "side" && (
        <Dialog side title="Details" onClose={close}>
          Details of what was opened.
        </Dialog>
      )}
      {open === "confirm" && (
        <ConfirmDialog title="Delete it?" action="Delete" name="laptop" busy={false} onConfirm={close} onClose={close}>
          What is lost by it.
        </ConfirmDialog>
      )}
      {open === "reason" && (
        <ReasonDialog title="Suspend" action="Suspend" change={change} onClose={close}>
          The customer is told that the account is suspended.
        </ReasonDialog>
      )}
    </>
  );
}

function Row({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-2">{children}</div>;
}
