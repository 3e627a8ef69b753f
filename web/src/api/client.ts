import createClient, { type Middleware } from "openapi-fetch";
import { Problem } from "./problem";
import { noteAnswer, noteSilence } from "./reach";
import type { components, paths } from "./schema";

/** A schema of the API by its name: `Schema<"OrderView">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

const CSRF_HEADER = "X-Tollway-Csrf";
const CHANGES = new Set(["POST", "PUT", "PATCH", "DELETE"]);

// The session itself is a cookie that no script can read. This token only proves that a request comes from this page; each answer of a
// session carries it, so it survives a reload without being stored.
let csrfToken = "";

const session: Middleware = {
  onRequest({ request }) {
    if (csrfToken && CHANGES.has(request.method)) request.headers.set(CSRF_HEADER, csrfToken);
    return request;
  },
  async onResponse({ response }) {
    noteAnswer();
    csrfToken = response.headers.get(CSRF_HEADER) ?? csrfToken;
    if (!response.ok) throw await Problem.from(response);
  },
  onError({ error }) {
    if (error instanceof Problem) return error;
    noteSilence();
    return Problem.unreachable();
  },
};

const client = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });
client.use(session);

/** The API, one typed method per HTTP method. Every answer that is not a success is thrown as a `Problem`. */
export const api = client;

/** Return the body of an answer: `await body(api.GET("/api/auth/me"))`. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

/** A fresh key for one intent of the user, so that a repeated request does not move money twice. */
export function newIdempotencyKey(): string {
  // crypto.randomUUID exists only over HTTPS and on loopback; a console on a local network may have neither.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Remember the token that signing in returned. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}
