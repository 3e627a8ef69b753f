import { i18n } from "@lingui/core";

export const LOCALES = { en: "English", de: "Deutsch" } as const;
export type Locale = keyof typeof LOCALES;

const STORED = "locale";

/** The language that was chosen on this device, else the browser's first one that we have, else English. */
export function preferredLocale(): Locale {
  const stored = window.localStorage.getItem(STORED);
  const wanted = [stored ?? "", ...navigator.languages].map((tag) => tag.slice(0, 2));
  return wanted.find((tag): tag is Locale => tag in LOCALES) ?? "en";
}

/** Load a language and use it from now on. Each one is a chunk of its own. */
export async function activateLocale(locale: Locale): Promise<void> {
  const { messages } = locale === "de" ? await import("./de.po") : await import("./en.po");
  const tag = regional(locale);
  i18n.loadAndActivate({ locale: tag, messages });
  document.documentElement.lang = tag;
  document.documentElement.dir = directionOf(locale);
}

/** The language as the browser's user writes it, so that dates and amounts are those of their country: "en-GB". */
function regional(locale: Locale): string {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(`${locale}-`)) ?? locale;
}

const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);

export function directionOf(locale: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(locale.slice(0, 2)) ? "rtl" : "ltr";
}

/** The language that is shown, without the country. */
export function currentLocale(): Locale {
  return i18n.locale.slice(0, 2) as Locale;
}

export async function chooseLocale(locale: Locale): Promise<void> {
  window.localStorage.setItem(STORED, locale);
  await activateLocale(locale);
}
