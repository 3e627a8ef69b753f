/** Problem details (RFC 9457) as the API answers them, and the failures that come before an answer. */
export interface FieldError {
  field: string;
  detail: string;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly correlationId: string;
  readonly errors: readonly FieldError[];
  /** Seconds to wait before the next try, from Retry-After; undefined where the answer names none. */
  readonly retryAfterS: number | undefined;

  constructor(init: {
    status: number;
    code: string;
    title: string;
    detail?: string;
    correlationId?: string;
    errors?: FieldError[];
    retryAfterS?: number | undefined;
  }) {
    super(init.title);
    this.name = "Problem";
    this.status = init.status;
    this.code = init.code;
    this.detail = init.detail ?? "";
    this.correlationId = init.correlationId ?? "";
    this.errors = init.errors ?? [];
    this.retryAfterS = init.retryAfterS;
  }

  /** The network or the platform did not answer at all. */
  get offline(): boolean {
    return this.status === 0;
  }

  static unreachable(): Problem {
    return new Problem({ status: 0, code: "unreachable", title: "Tollway cannot be reached" });
  }

  static async from(response: Response): Promise<Problem> {
    const retry = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    const retryAfterS = Number.isNaN(retry) ? undefined : retry;
    const correlationId = response.headers.get("X-Correlation-Id") ?? "";
    const body: unknown = await response.json().catch(() => null);
    if (typeof body !== "object" || body === null) {
      return new Problem({
        status: response.status,
        code: "unknown",
        title: response.statusText,
        correlationId,
        retryAfterS,
      });
    }
    const document = body as Record<string, unknown>;
    return new Problem({
      status: response.status,
      code: text(document.code) || "unknown",
      title: text(document.title) || response.statusText,
      detail: text(document.detail),
      correlationId: text(document.correlation_id) || correlationId,
      errors: Array.isArray(document.errors) ? document.errors.map(fieldError) : [],
      retryAfterS,
    });
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldError(value: unknown): FieldError {
  const entry = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const field = text(entry.field);
  return { field, detail: text(entry.reason) };
}
