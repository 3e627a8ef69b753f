import { expect, test } from "vitest";
import { cardName } from "./cardName";

test("a card is called by its brand as people write it", () => {
  expect(cardName({ brand: "visa", last4: "4242" })).toBe("Visa •••• 4242");
  expect(cardName({ brand: "amex", last4: "0005" })).toBe("American Express •••• 0005");
  expect(cardName({ brand: "unknown", last4: "0000" })).toBe("•••• 0000");
});
