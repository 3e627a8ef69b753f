import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useForm, useWatch } from "react-hook-form";
import { Problem } from "@/api/problem";
import { Button, buttonClass } from "@/design/Button";
import { ProblemNotice } from "@/design/ProblemNotice";
import { EntryHead } from "./EntryFrame";
import { fieldProblem } from "./fieldProblem";
import { linkToken } from "./linkToken";
import { NewPasswordField } from "./NewPasswordField";

interface Texts {
  title: ReactNode;
  lead: ReactNode;
  button: ReactNode;
  done: ReactNode;
  doneLead: ReactNode;
  /** What to do when the link is used up or too old. */
  expired: ReactNode;
}

/** The page of a mailed link that ends with a password of one's own. Nothing is sent before the button: mail scanners open links too. */
export function LinkPasswordForm({
  texts,
  send,
}: {
  texts: Texts;
  send: (token: string, password: string) => Promise<unknown>;
}) {
  const { t } = useLingui();
  const token = linkToken();
  const form = useForm({ defaultValues: { password: "" } });
  const password = useWatch({ control: form.control, name: "password" });
  const use = useMutation({ mutationFn: ({ password: chosen }: { password: string }) => send(token, chosen) });
  if (!token) {
    return (
      <EntryHead
        title={<Trans>This link is incomplete</Trans>}
        lead={<Trans>Open the link from the e-mail again, in full.</Trans>}
      />
    );
  }
  if (use.isSuccess) {
    return (
      <>
        <EntryHead title={texts.done} lead={texts.doneLead} />
        <Link to="/login" search={{}} className={buttonClass("primary")}>
          <Trans>Sign in</Trans>
        </Link>
      </>
    );
  }
  const problem = use.error instanceof Problem ? use.error : null;
  const passwordError =
    form.formState.errors.password?.message ??
    fieldProblem(problem, "password") ??
    fieldProblem(problem, "new_password");
  return (
    <>
      <EntryHead title={texts.title} lead={texts.lead} />
      <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((chosen) => use.mutate(chosen))}>
        <NewPasswordField
          label={t`Password`}
          value={password}
          error={passwordError}
          {...form.register("password", {
            required: t`Choose a password.`,
            minLength: { value: 10, message: t`Use at least 10 characters.` },
          })}
        />
        {problem && !passwordError && (
          <ProblemNotice error={problem} action={!problem.offline && problem.status < 500 && texts.expired} />
        )}
        <Button type="submit" kind="primary" busy={use.isPending}>
          {texts.button}
        </Button>
      </form>
    </>
  );
}
