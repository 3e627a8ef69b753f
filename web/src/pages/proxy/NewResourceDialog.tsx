import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { fieldProblem } from "@/pages/entry/fieldProblem";

const BYTES_PER_MBIT = 125_000n;

interface NewResource {
  label: string;
  connections: string;
  mbits: string;
}

export function NewResourceDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const form = useForm<NewResource>({ defaultValues: { label: "", connections: "", mbits: "" } });
  const create = useMutation({
    mutationFn: ({ label, connections, mbits }: NewResource) =>
      body(
        api.POST("/api/access/resources", {
          body: {
            label,
            max_flows: Number(connections || "0"),
            rate_limit_bytes_s: (BigInt(mbits || "0") * BYTES_PER_MBIT).toString(),
          },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: keys.proxyConfig() });
      onClose();
    },
  });
  const problem = create.error instanceof Problem ? create.error : null;
  const whole = { value: /^\d{0,6}$/, message: t`Enter a whole number, or leave it empty.` };
  const labelError = form.formState.errors.label?.message ?? fieldProblem(problem, "label");
  return (
    <Dialog
      title={<Trans>New access</Trans>}
      onClose={onClose}
      locked={create.isPending}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={create.isPending} onClick={form.handleSubmit((wanted) => create.mutate(wanted))}>
            <Trans>Create the access</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={form.handleSubmit((wanted) => create.mutate(wanted))}>
        <TextField
          label={t`Name`}
          hint={t`For you: "Laptop", "Price monitor".`}
          error={labelError}
          {...form.register("label", { maxLength: 60 })}
        />
        <TextField
          label={t`Connections at a time`}
          inputMode="numeric"
          hint={t`Empty: as many as the platform allows.`}
          error={form.formState.errors.connections?.message ?? fieldProblem(problem, "max_flows")}
          {...form.register("connections", { pattern: whole })}
        />
        <TextField
          label={t`Speed limit`}
          inputMode="numeric"
          end={<span className="pe-2">Mbit/s</span>}
          hint={t`Empty: no limit.`}
          error={form.formState.errors.mbits?.message ?? fieldProblem(problem, "rate_limit_bytes_s")}
          {...form.register("mbits", { pattern: whole })}
        />
        {problem && problem.errors.length === 0 && <ProblemNotice error={problem} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
