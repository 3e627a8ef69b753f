import type { Problem } from "@/api/problem";

/** What the platform said about one field; undefined where it said nothing about it. */
export function fieldProblem(problem: Problem | null, field: string): string | undefined {
  const found = problem?.errors.find((error) => error.field === field || error.field.endsWith(`.${field}`));
  if (!found) return undefined;
  return found.detail.charAt(0).toLocaleUpperCase() + found.detail.slice(1);
}
