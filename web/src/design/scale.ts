const STEPS = [1, 2, 5, 10];

/** The end of a scale that holds a value: the next 1, 2 or 5 times a power of ten. */
export function scaleEnd(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * (STEPS.find((step) => value <= power * step) ?? 10);
}
