import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useForm, useWatch } from "react-hook-form";
import { api, body } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { Panel } from "@/design/Panel";
import { ProblemNotice } from "@/design/ProblemNotice";
import { toast } from "@/design/toast";
import { Time } from "@/design/Values";
import { fieldProblem } from "@/pages/entry/fieldProblem";
import { NewPasswordField } from "@/pages/entry/NewPasswordField";
import { PasswordField } from "@/pages/entry/PasswordField";

const EMPTY = { current_password: "", new_password: "" };

export function PasswordPanel() {
  const { t } = useLingui();
  const security = useQuery({ queryKey: keys.security(), queryFn: () => body(api.GET("/api/account/security")) });
  const form = useForm({ defaultValues: EMPTY });
  const wanted = useWatch({ control: form.control, name: "new_password" });
  const change = useMutation({
    mutationFn: (passwords: typeof EMPTY) => body(api.POST("/api/account/security", { body: passwords })),
    onSuccess: async () => {
      form.reset(EMPTY);
      toast(t`The password is changed. Your other sessions have ended.`);
      await security.refetch();
    },
  });
  const problem = change.error instanceof Problem ? change.error : null;
  const currentError = fieldProblem(problem, "current_password");
  const newError = fieldProblem(problem, "new_password");
  return (
    <Panel title={<Trans>Password</Trans>}>
      <form className="grid gap-4" onSubmit={form.handleSubmit((passwords) => change.mutate(passwords))}>
        <p className="min-h-5 text-text-2">
          {security.data && (
            <Trans>
              Changed last <Time at={security.data.password_changed_at} />.
            </Trans>
          )}
        </p>
        <PasswordField
          label={t`Current password`}
          autoComplete="current-password"
          error={form.formState.errors.current_password?.message ?? currentError}
          {...form.register("current_password", { required: t`Enter your current password.` })}
        />
        <NewPasswordField
          label={t`New password`}
          value={wanted}
          error={form.formState.errors.new_password?.message ?? newError}
          {...form.register("new_password", { required: t`Choose a password.` })}
        />
        {problem && !currentError && !newError && <ProblemNotice error={problem} />}
        <div>
          <Button type="submit" kind="primary" busy={change.isPending}>
            <Trans>Change the password</Trans>
          </Button>
        </div>
      </form>
    </Panel>
  );
}
