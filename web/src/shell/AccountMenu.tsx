import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Keyboard, LogOut, Moon, Settings2, Sun, SunMoon, UserRound } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { type ReactNode, useState } from "react";
import { api, body } from "@/api/client";
import { queries } from "@/api/queries";
import { announceSession } from "@/api/session";
import { chooseLocale, currentLocale, LOCALES, type Locale } from "@/locales";
import { ACCOUNT_BUTTON } from "./AccountButton";
import { showShortcuts } from "./Palette";
import { chooseTheme, currentTheme, type Theme } from "./theme";

const ITEM =
  "flex h-9 cursor-default items-center gap-2.5 rounded-chip px-2.5 outline-none data-highlighted:bg-sunken data-[state=checked]:font-semibold";

/** What belongs to the person: language, theme, the operator's pages, signing out. */
export function AccountMenu({ email, operator }: { email: string; operator: boolean }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [theme, setTheme] = useState<Theme>(currentTheme);
  const signOut = useMutation({
    mutationFn: () => body(api.POST("/api/auth/logout")),
    onSettled: async () => {
      announceSession("");
      queries.clear();
      await navigate({ to: "/login" });
    },
  });
  const themes: { value: Theme; label: string; icon: ReactNode }[] = [
    { value: "system", label: t`As the system`, icon: <SunMoon className="size-4" /> },
    { value: "light", label: t`Light`, icon: <Sun className="size-4" /> },
    { value: "dark", label: t`Dark`, icon: <Moon className="size-4" /> },
  ];
  return (
    // Not modal: a modal menu locks scrolling with an inline style sheet, which the content security policy forbids.
    <DropdownMenu.Root modal={false} defaultOpen>
      <DropdownMenu.Trigger aria-label={t`Your account`} className={ACCOUNT_BUTTON}>
        <UserRound className="size-4" aria-hidden="true" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="enter-menu z-40 w-60 rounded-card border border-line bg-surface p-1.5 shadow-float"
        >
          <p className="truncate px-2.5 py-2 text-sm text-text-3">{email}</p>
          {operator && (
            <DropdownMenu.Item className={ITEM} onSelect={() => void navigate({ to: "/operate" })}>
              <Settings2 className="size-4" />
              <Trans>Operate</Trans>
            </DropdownMenu.Item>
          )}
          <DropdownMenu.Separator className="my-1.5 h-px bg-line" />
          <DropdownMenu.RadioGroup
            value={theme}
            onValueChange={(value) => {
              chooseTheme(value as Theme);
              setTheme(value as Theme);
            }}
          >
            {themes.map(({ value, label, icon }) => (
              <DropdownMenu.RadioItem
                key={value}
                value={value}
                className={ITEM}
                onSelect={(event) => event.preventDefault()}
              >
                {icon}
                {label}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="my-1.5 h-px bg-line" />
          <DropdownMenu.RadioGroup
            value={currentLocale()}
            onValueChange={(value) => void chooseLocale(value as Locale)}
          >
            {Object.entries(LOCALES).map(([tag, name]) => (
              <DropdownMenu.RadioItem key={tag} value={tag} className={ITEM}>
                <span className="w-4 text-xs text-text-3 uppercase">{tag}</span>
                {name}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="my-1.5 h-px bg-line" />
          <DropdownMenu.Item className={`${ITEM} max-md:hidden`} onSelect={showShortcuts}>
            <Keyboard className="size-4" />
            <Trans>Keyboard shortcuts</Trans>
          </DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM} onSelect={() => signOut.mutate()}>
            <LogOut className="size-4" />
            <Trans>Sign out</Trans>
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
