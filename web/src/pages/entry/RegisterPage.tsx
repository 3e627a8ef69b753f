import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useForm, useWatch } from "react-hook-form";
import { api, body } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { CheckMail } from "./CheckMail";
import { EntryHead } from "./EntryFrame";
import { fieldProblem } from "./fieldProblem";
import { NewPasswordField } from "./NewPasswordField";

interface NewAccount {
  email: string;
  password: string;
}

export function RegisterPage() {
  const { t } = useLingui();
  const form = useForm<NewAccount>({ defaultValues: { email: "", password: "" } });
  const password = useWatch({ control: form.control, name: "password" });
  const register = useMutation({
    mutationFn: (account: NewAccount) => body(api.POST("/api/auth/register", { body: account })),
  });
  if (register.isSuccess) return <CheckMail email={register.variables.email} />;
  const problem = register.error instanceof Problem ? register.error : null;
  const emailError = form.formState.errors.email?.message ?? fieldProblem(problem, "email");
  const passwordError = form.formState.errors.password?.message ?? fieldProblem(problem, "password");
  return (
    <>
      <EntryHead
        title={<Trans>Create an account</Trans>}
        lead={<Trans>You get a mail with a link. Then you can top up and connect.</Trans>}
      />
      <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((account) => register.mutate(account))}>
        <TextField
          label={t`E-mail`}
          type="email"
          autoComplete="username"
          error={emailError}
          {...form.register("email", {
            required: t`Enter your e-mail address.`,
            pattern: { value: /^\S+@\S+$/, message: t`An e-mail address looks like name@example.com.` },
          })}
        />
        <NewPasswordField
          label={t`Password`}
          value={password}
          error={passwordError}
          {...form.register("password", {
            required: t`Choose a password.`,
            minLength: { value: 10, message: t`Use at least 10 characters.` },
          })}
        />
        {problem && !emailError && !passwordError && <ProblemNotice error={problem} />}
        <Button type="submit" kind="primary" busy={register.isPending}>
          <Trans>Create the account</Trans>
        </Button>
      </form>
      <p className="mt-6 text-sm text-text-2">
        <Trans>
          You have one already?{" "}
          <Link to="/login" search={{}} className="text-accent underline">
            Sign in
          </Link>
        </Trans>
      </p>
    </>
  );
}
