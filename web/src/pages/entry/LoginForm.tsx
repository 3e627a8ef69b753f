import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import { api, body, setCsrfToken } from "@/api/client";
import { keys } from "@/api/keys";
import { Problem } from "@/api/problem";
import { queries } from "@/api/queries";
import { announceSession } from "@/api/session";
import { Button } from "@/design/Button";
import { TextField } from "@/design/Field";
import { ProblemNotice } from "@/design/ProblemNotice";
import { useWait } from "@/design/useWait";
import { formatCountdown } from "@/format/time";
import { PasswordField } from "./PasswordField";

interface Credentials {
  email: string;
  password: string;
  /** Undo the deletion of the account. */
  keep_account?: boolean;
}

/** E-mail and password. Unknown address and wrong password look the same; a wait that the platform asks for counts down on the button. */
export function LoginForm({ onDone }: { onDone?: () => void }) {
  const { t } = useLingui();
  const form = useForm<Credentials>();
  const login = useMutation({
    mutationFn: (credentials: Credentials) => body(api.POST("/api/auth/login", { body: credentials })),
    onSuccess: (signedIn) => {
      setCsrfToken(signedIn.csrf_token);
      queries.setQueryData(keys.me(), signedIn.user);
      announceSession(signedIn.user.id);
      onDone?.();
    },
  });
  const waitS = useWait(login.error);
  const leaving = login.error instanceof Problem && login.error.code === "account_deleting";
  return (
    <form noValidate className="grid gap-4" onSubmit={form.handleSubmit((credentials) => login.mutate(credentials))}>
      <TextField
        label={t`E-mail`}
        type="email"
        autoComplete="username"
        error={form.formState.errors.email?.message}
        {...form.register("email", { required: t`Enter your e-mail address.` })}
      />
      <PasswordField
        label={t`Password`}
        autoComplete="current-password"
        error={form.formState.errors.password?.message}
        {...form.register("password", { required: t`Enter your password.` })}
      />
      {login.error && !leaving && <LoginError error={login.error} />}
      {leaving && (
        <div role="alert" className="grid gap-3 text-sm text-text-2">
          <Trans>This account is going to be deleted. Sign in to keep it; everything in it stays as it was.</Trans>
          <Button
            busy={login.isPending}
            onClick={form.handleSubmit((credentials) => login.mutate({ ...credentials, keep_account: true }))}
          >
            <Trans>Keep my account and sign in</Trans>
          </Button>
        </div>
      )}
      <Button type="submit" kind="primary" busy={login.isPending} disabled={waitS > 0}>
        {waitS > 0 ? <Trans>Again in {formatCountdown(waitS)}</Trans> : <Trans>Sign in</Trans>}
      </Button>
    </form>
  );
}

function LoginError({ error }: { error: Error }) {
  const status = error instanceof Problem ? error.status : undefined;
  if (status !== 401 && status !== 429) return <ProblemNotice error={error} />;
  return (
    <p role="alert" className="text-sm text-bad">
      {status === 401 ? <Trans>Wrong e-mail or password.</Trans> : <Trans>Too many tries.</Trans>}
    </p>
  );
}
