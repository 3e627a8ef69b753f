import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { mayOperate } from "@/api/permissions";
import { meQuery } from "@/api/queries";
import { AccountButton } from "./AccountButton";
import { Logo } from "./Logo";
import type { Place } from "./navigation";
import { Palette, PaletteButton } from "./Palette";
import { ReachBar } from "./ReachBar";
import { usePageTitle } from "./usePageTitle";

// Seldom needed, and its form is large.
const SignInAgain = lazy(async () => ({ default: (await import("./SignInAgain")).SignInAgain }));

/** The frame of every page: rail, top bar, page; on phones a bar at the bottom instead of the rail. `operating` marks the operator's pages. */
export function Shell({
  places,
  foot,
  operating = false,
}: {
  places: readonly Place[];
  foot: ReactNode;
  operating?: boolean;
}) {
  const { t, i18n } = useLingui();
  const me = useQuery(meQuery);
  const title = usePageTitle(places);
  return (
    <div
      className={`grid min-h-dvh md:grid-cols-[232px_minmax(0,1fr)] ${operating ? "border-t-3 border-operate" : ""}`}
    >
      {/* A page that comes without the browser loading one is said as if it had. */}
      <p role="status" className="sr-only">
        {title}
      </p>
      <a href="#page" className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3">
        <Trans>Skip to the page</Trans>
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col gap-6 border-e border-line bg-sunken p-3 md:flex">
        <Link to="/dashboard" className="flex items-center gap-2 rounded-control px-2 pt-1.5">
          <Logo />
          {operating && (
            <span className="rounded-chip bg-warn-soft px-1.5 py-0.5 text-xs font-semibold text-warn">
              <Trans>Operate</Trans>
            </span>
          )}
        </Link>
        <nav aria-label={t`Pages`} className="grid gap-0.5">
          {places.map(({ to, name, Icon, exact = false }) => (
            <Link
              key={to}
              to={to}
              activeOptions={{ exact }}
              className="flex h-9 items-center gap-2.5 rounded-control px-2.5 font-medium text-text-2 transition-colors duration-90 hover:text-text data-[status=active]:bg-surface data-[status=active]:text-text data-[status=active]:shadow-float"
              activeProps={{ "aria-current": "page" }}
            >
              <Icon className="size-4" aria-hidden="true" />
              {i18n._(name)}
            </Link>
          ))}
        </nav>
        <div className="mt-auto grid gap-1">{foot}</div>
      </aside>
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-20 flex h-14 items-center justify-between gap-3 border-b border-line bg-page/90 px-4 backdrop-blur md:px-8">
          <Link to="/dashboard" className="rounded-control md:hidden">
            <Logo />
          </Link>
          <PaletteButton />
          <AccountButton email={me.data?.email ?? ""} operator={mayOperate(me.data)} />
        </header>
        <main
          id="page"
          tabIndex={-1}
          className="mx-auto grid w-full max-w-6xl grow content-start outline-none gap-6 px-4 pt-6 pb-28 md:px-8 md:pb-12"
        >
          <Outlet />
        </main>
      </div>
      <nav
        aria-label={t`Pages`}
        className="fixed inset-x-0 bottom-0 z-20 flex overflow-x-auto border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        {places.map(({ to, name, Icon, exact = false }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact }}
            className="grid h-14 min-w-14 grow basis-0 content-center justify-items-center gap-0.5 text-[10px] text-text-3 data-[status=active]:text-accent"
            activeProps={{ "aria-current": "page" }}
          >
            <Icon className="size-5" aria-hidden="true" />
            <span className="max-w-full truncate">{i18n._(name)}</span>
          </Link>
        ))}
      </nav>
      <Palette places={places} />
      <ReachBar />
      {me.data === null && (
        <Suspense fallback={null}>
          <SignInAgain />
        </Suspense>
      )}
    </div>
  );
}
