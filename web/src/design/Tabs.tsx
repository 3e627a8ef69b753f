import { Link } from "@tanstack/react-router";

/** The pages of one area. They are links, so that each has an address and Back works. */
export function Tabs({
  label,
  tabs,
}: {
  label: string;
  tabs: readonly { to: string; name: string; exact?: boolean }[];
}) {
  return (
    <nav aria-label={label} className="-mx-4 flex gap-1 overflow-x-auto border-b border-line px-4 md:mx-0 md:px-0">
      {tabs.map(({ to, name, exact = false }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact }}
          className="-mb-px border-b-2 border-transparent px-3 py-2.5 font-medium whitespace-nowrap text-text-2 transition-colors duration-90 hover:text-text data-[status=active]:border-accent data-[status=active]:text-text"
          activeProps={{ "aria-current": "page" }}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
