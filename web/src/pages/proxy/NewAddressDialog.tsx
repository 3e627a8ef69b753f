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
import { toast } from "@/design/toast";
import { fieldProblem } from "@/pages/entry/fieldProblem";

interface NewAddress {
  address: string;
  label: string;
}

/** Lets in clients without a user name and a password from the address of whoever asks, or from a network around it. */
export function NewAddressDialog({ resourceId, onClose }: { resourceId: string; onClose: () => void }) {
  const { t } = useLingui();
  const queries = useQueryClient();
  const form = useForm<NewAddress>({ defaultValues: { address: "", label: "" } });
  const add = useMutation({
    mutationFn: ({ address, label }: NewAddress) =>
      body(
        api.POST("/api/access/resources/{resource_id}/credentials", {
          params: { path: { resource_id: resourceId } },
          body: { kind: "source_address", label, ...(address.trim() ? { address: address.trim() } : {}) },
        }),
      ),
    onSuccess: async ({ credential }) => {
      await queries.invalidateQueries({ queryKey: keys.proxyConfig() });
      onClose();
      const address = credential.address ?? "";
      toast(t`Clients from ${address} need no password now.`);
    },
  });
  const problem = add.error instanceof Problem ? add.error : null;
  return (
    <Dialog
      title={<Trans>Let in an address</Trans>}
      onClose={onClose}
      locked={add.isPending}
      footer={
        <>
          <Button onClick={onClose}>
            <Trans>Cancel</Trans>
          </Button>
          <Button kind="primary" busy={add.isPending} onClick={form.handleSubmit((wanted) => add.mutate(wanted))}>
            <Trans>Let it in</Trans>
          </Button>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={form.handleSubmit((wanted) => add.mutate(wanted))}>
        <p className="text-text-2">
          <Trans>
            For programs that cannot send a password, such as a browser with SOCKS5. Everybody behind the same address
            gets in, too: do not do this in an office, a hotel or a mobile network.
          </Trans>
        </p>
        <TextField
          label={t`Address or network`}
          hint={t`Empty: the address that you have now. A network must contain it.`}
          error={fieldProblem(problem, "address")}
          {...form.register("address", { maxLength: 50 })}
        />
        <TextField
          label={t`Name`}
          hint={t`For you: "Laptop", "Price monitor".`}
          error={fieldProblem(problem, "label")}
          {...form.register("label", { maxLength: 60 })}
        />
        {add.error && (!problem || problem.errors.length === 0) && <ProblemNotice error={add.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  );
}
