// What providers call the brands of cards, where that is not the brand's own name in small letters.
const BRANDS: Record<string, string> = {
  amex: "American Express",
  diners: "Diners Club",
  eftpos_au: "eftpos",
  jcb: "JCB",
  unionpay: "UnionPay",
  unknown: "",
};

/** Name a card: "Visa •••• 4242". */
export function cardName({ brand, last4 }: { brand: string; last4: string }): string {
  const name = BRANDS[brand] ?? brand.charAt(0).toUpperCase() + brand.slice(1);
  return `${name} •••• ${last4}`.trim();
}
