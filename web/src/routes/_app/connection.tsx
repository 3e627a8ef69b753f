import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";
import { ConnectionPage } from "@/pages/connection/ConnectionPage";

// What the API would refuse is as if it was not there.
const target = z.catch(z.optional(z.string().check(z.maxLength(100))), undefined);
const protocol = z.catch(z.optional(z.string().check(z.regex(/^[a-z0-9._-]{1,40}$/))), undefined);

export const Route = createFileRoute("/_app/connection")({
  validateSearch: z.object({
    state: z.catch(z.optional(z.enum(["open", "closed"])), undefined),
    target,
    protocol,
  }),
  component: ConnectionPage,
});
