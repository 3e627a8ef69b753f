import type { Problem } from "@/api/problem";
import { reasonText } from "@/design/problemText";

/** What the platform said about one field; undefined where it said nothing about it. */
export function fieldProblem(problem: Problem | null, field: string): string | undefined {
  const found = problem?.errors.find((error) => error.field === field || error.field.endsWith(`.${field}`));
  return found && reasonText(found.detail);
}
