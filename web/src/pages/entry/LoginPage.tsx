import { Trans } from "@lingui/react/macro";
import { getRouteApi, Link, useNavigate, useRouter } from "@tanstack/react-router";
import { EntryHead } from "./EntryFrame";
import { LoginForm } from "./LoginForm";

const route = getRouteApi("/_entry/login");

export function LoginPage() {
  const { next } = route.useSearch();
  const navigate = useNavigate();
  const { history } = useRouter();
  const go = () => {
    // Only a path of this console: "//host" and "https://host" would lead elsewhere.
    if (next?.startsWith("/") && !next.startsWith("//")) history.push(next);
    else void navigate({ to: "/dashboard" });
  };
  return (
    <>
      <EntryHead title={<Trans>Sign in</Trans>} />
      <LoginForm onDone={go} />
      <div className="mt-6 flex flex-wrap justify-between gap-x-4 gap-y-2 text-sm">
        <Link to="/register" search={{}} className="text-accent hover:underline">
          <Trans>Create an account</Trans>
        </Link>
        <Link to="/forgot" search={{}} className="text-accent hover:underline">
          <Trans>Forgot the password?</Trans>
        </Link>
      </div>
    </>
  );
}
