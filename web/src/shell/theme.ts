export type Theme = "system" | "light" | "dark";

const STORED = "theme"; // public/theme.js reads it before the first paint

export function currentTheme(): Theme {
  const stored = window.localStorage.getItem(STORED);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function chooseTheme(theme: Theme): void {
  window.localStorage.setItem(STORED, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
