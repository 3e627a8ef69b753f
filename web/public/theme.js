// Runs before the first paint, so that a chosen theme does not flash. It is a file because the content security policy allows no inline script.
(() => {
  let theme = "system";
  try {
    theme = localStorage.getItem("theme") || "system";
  } catch {
    // Storage is off: the system's theme is used.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
