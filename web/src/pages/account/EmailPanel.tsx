import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { Time } from "@/design/Values";
import { fieldProblem } from "@/pages/entry/fieldProblem";
import { PasswordField } from "@/pages/entry/PasswordField";

const EMPTY = { email: "", current_password: "" };

export function EmailPanel() {
  const { t } = useLingui();
  const queries = useQueryClient();
  const security = useQuery({ queryKey: keys.security(), queryFn: () => body(api.GET("/api/account/security")) });
  const form = useForm({ defaultValues: EMPTY });
  const change = useMutation({
    mutationFn: (wanted: typeof EMPTY) => body(api.POST("/api/account/email", { body: wanted })),
    onSuccess: async () => {
      form.reset(EMPTY);
      await queries.invalidateQueries({ queryKey: keys.security() });
    },
  });
  const problem = change.error instanceof Problem ? change.error : null;
  const emailError = form.formState.errors.email?.message ?? fieldProblem(problem, "email");
  const pending = security.data?.pending_email;
  return (
    <Panel title={<Trans>Address</Trans>}>
      <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((wanted) => change.mutate(wanted))}>
        <p className="min-h-10 text-text-2">
          <Trans>
            You sign in with <span className="break-all">{security.data?.email}</span>. A new address is confirmed by
            the link that we send to it; this one gets a mail too.
          </Trans>
        </p>
        {pending && (
          <p role="status" className="text-text-2">
            <Trans>
              <span className="break-all font-medium">{pending}</span> waits to be confirmed until{" "}
              <Time at={security.data?.pending_email_expires_at ?? ""} />.
            </Trans>
          </p>
        )}
        <TextField
          label={t`New address`}
          type="email"
          autoComplete="email"
          error={emailError}
          {...form.register("email", { required: t`Enter your e-mail address.` })}
        />
        <PasswordField
          label={t`Your password`}
          autoComplete="current-password"
          error={form.formState.errors.current_password?.message}
          {...form.register("current_password", { required: t`Enter your password.` })}
        />
        {problem && !emailError && <ProblemNotice error={problem} />}
        <div>
          <Button type="submit" kind="primary" busy={change.isPending}>
            <Trans>Change the address</Trans>
          </Button>
        </div>
      </form>
    </Panel>
  );
}
