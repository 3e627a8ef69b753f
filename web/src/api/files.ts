import { Problem } from "./problem";

/** Load a JSON file that was built with the console. */
export async function load<T>(address: string): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address);
  } catch {
    throw Problem.unreachable();
  }
  if (!answer.ok) throw await Problem.from(answer);
  return (await answer.json()) as T;
}
