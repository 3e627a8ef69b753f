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
  i18n.loadAndActivate({ locale, messages });
  document.documentElement.lang = locale;
}

export async function chooseLocale(locale: Locale): Promise<void> {
  window.localStorage.setItem(STORED, locale);
  await activateLocale(locale);
}
