import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { BooksPage } from "@/pages/operate/books/BooksPage";
import { ACCOUNT_SORTS, TRANSACTION_SORTS } from "@/pages/operate/books/queries";
import { onlyWith } from "@/shell/onlyWith";

const SORTS = [...ACCOUNT_SORTS, ...TRANSACTION_SORTS] as const;

export const Route = createFileRoute("/operate/books")({
  beforeLoad: onlyWith("books:read"),
  validateSearch: z.object({
    list: z.catch(z.optional(z.enum(["transactions", "accounts"])), undefined),
    code: z.optional(z.string()),
    status: z.catch(z.optional(z.enum(["applied", "rejected"])), undefined),
    owner_kind: z.catch(z.optional(z.enum(["user", "platform"])), undefined),
    owner_id: z.optional(z.string()),
    asset: z.optional(z.string()),
    sort: z.catch(z.optional(z.enum(SORTS)), undefined),
    transaction: z.optional(z.string()),
    account: z.optional(z.string()),
  }),
  component: BooksPage,
});
