import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { createRouter, RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/queries";
import { followSession } from "./api/session";
import { Toasts } from "./design/toast";
import "./design/tokens.css";
import { activateLocale, preferredLocale } from "./locales";
import { routeTree } from "./routeTree.gen";

const router = createRouter({ routeTree, context: { queries }, defaultPreload: "intent", scrollRestoration: true });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

// A tab that was open while a newer console was installed asks for files that are gone: load the new one, once.
window.addEventListener("vite:preloadError", (event) => {
  const reloaded = "reloaded-after-update";
  if (window.sessionStorage.getItem(reloaded)) return;
  window.sessionStorage.setItem(reloaded, "1");
  event.preventDefault();
  window.location.reload();
});

async function start(): Promise<void> {
  followSession();
  // What the address needs is asked for while the language comes.
  void router.load();
  await activateLocale(preferredLocale());
  const root = document.getElementById("root");
  if (!root) throw new Error("index.html has no element #root");
  createRoot(root).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
          <Toasts />
        </QueryClientProvider>
      </I18nProvider>
    </StrictMode>,
  );
}

void start();
