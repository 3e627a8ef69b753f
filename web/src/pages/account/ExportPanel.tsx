import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, body, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/design/Button";
import { Loaded } from "@/design/Loaded";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Status } from "@/design/Status";
import { Table } from "@/design/Table";
import { toast } from "@/design/toast";
import { Bytes, Time } from "@/design/Values";

const LOOK_AGAIN_MS = 3_000;

/** All that the platform keeps of the person, as a file: asked for here, downloaded here when it is ready. */
export function ExportPanel() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const exports = useQuery({
    queryKey: keys.exports(),
    queryFn: async () => (await body(api.GET("/api/account/exports"))).items,
    refetchInterval: (query) => (query.state.data?.some((one) => one.state === "working") ? LOOK_AGAIN_MS : false),
  });
  const ask = useMutation({
    mutationFn: () => body(api.POST("/api/account/export")),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.exports() });
      toast(t`We write to you when it is ready.`);
    },
  });
  const fetchFile = useMutation({
    mutationFn: async (one: Schema<"ExportView">) => {
      const path = { export_id: one.id };
      const file = await body(
        api.GET("/api/account/exports/{export_id}", { params: { path }, parseAs: "blob" as const }),
      );
      save(file as unknown as Blob);
    },
  });
  const working = exports.data?.some((one) => one.state === "working") ?? false;
  const problem = ask.error ?? fetchFile.error;
  return (
    <Panel
      flush
      title={<Trans>Your data</Trans>}
      actions={
        <Button small busy={ask.isPending} disabled={working} onClick={() => ask.mutate()}>
          <Trans>Make a file</Trans>
        </Button>
      }
    >
      <p className="px-4 pt-4 text-text-2">
        <Trans>A zip with all that we keep of you, as JSON and as CSV. It can be downloaded for some days.</Trans>
      </p>
      {problem && (
        <div className="p-4">
          <ProblemNotice error={problem} />
        </div>
      )}
      <Loaded query={exports}>
        {(all) =>
          all.length === 0 ? (
            <p className="p-4 text-text-3">
              <Trans>No file was made yet.</Trans>
            </p>
          ) : (
            <Table
              label={t`Files with your data`}
              rows={all}
              rowKey={(one) => one.id}
              columns={[
                {
                  key: "asked",
                  head: t`Asked for`,
                  phone: "title",
                  cell: (one) => <Time at={one.requested_at} />,
                },
                {
                  key: "state",
                  head: t`State`,
                  cell: (one) =>
                    one.state === "ready" ? (
                      <Status tone="ok">{t`Ready`}</Status>
                    ) : (
                      <Status tone="off">{t`Being made`}</Status>
                    ),
                },
                {
                  key: "size",
                  head: t`Size`,
                  numeric: true,
                  cell: (one) => one.state === "ready" && <Bytes count={String(one.size_bytes)} />,
                },
                {
                  key: "until",
                  head: t`Until`,
                  phone: "hidden",
                  cell: (one) => one.expires_at && <Time at={one.expires_at} />,
                },
                {
                  key: "get",
                  head: "",
                  numeric: true,
                  phone: "end",
                  cell: (one) =>
                    one.state === "ready" && (
                      <Button
                        small
                        busy={fetchFile.isPending && fetchFile.variables.id === one.id}
                        onClick={() => fetchFile.mutate(one)}
                      >
                        <Trans>Download</Trans>
                      </Button>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function save(file: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = "tollway-export.zip";
  link.click();
  URL.revokeObjectURL(link.href);
}
