import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useForm } from "react-hook-form";
import { api, body } from "@/api/client";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { EntryHead } from "./EntryFrame";

export function ForgotPage() {
  const { t } = useLingui();
  const form = useForm<{ email: string }>();
  const ask = useMutation({
    mutationFn: (wanted: { email: string }) => body(api.POST("/api/auth/password/forgot", { body: wanted })),
  });
  if (ask.isSuccess) {
    return (
      <EntryHead
        title={<Trans>Look into your mail</Trans>}
        lead={<Trans>If there is an account with this address, a link to set a new password is on its way.</Trans>}
      />
    );
  }
  return (
    <>
      <EntryHead
        title={<Trans>Set a new password</Trans>}
        lead={<Trans>We send a link to your e-mail address.</Trans>}
      />
      <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((wanted) => ask.mutate(wanted))}>
        <TextField
          label={t`E-mail`}
          type="email"
          autoComplete="username"
          error={form.formState.errors.email?.message}
          {...form.register("email", { required: t`Enter your e-mail address.` })}
        />
        {ask.error && <ProblemNotice error={ask.error} />}
        <Button type="submit" kind="primary" busy={ask.isPending}>
          <Trans>Send the link</Trans>
        </Button>
      </form>
      <p className="mt-6 text-sm">
        <Link to="/login" search={{}} className="text-accent hover:underline">
          <Trans>Back to signing in</Trans>
        </Link>
      </p>
    </>
  );
}
