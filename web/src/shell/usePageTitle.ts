import { useLingui } from "@lingui/react/macro";
import { useLocation } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Place } from "./navigation";

const PRODUCT = "Tollway";

export function showTitle(title: string): void {
  document.title = title ? `${title} · ${PRODUCT}` : PRODUCT;
}

/** Name the window after the place that is shown: it distinguishes pages in tabs, history and screen readers (WCAG 2.4.2). */
export function usePageTitle(places: readonly Place[]): string {
  const { i18n } = useLingui();
  const { pathname } = useLocation();
  const place = places
    .filter(({ to }) => pathname === to || pathname.startsWith(`${to}/`))
    .sort((one, other) => other.to.length - one.to.length)[0];
  const title = place ? i18n._(place.name) : "";
  useEffect(() => showTitle(title), [title]);
  return title;
}
