/** The parts of the drawer of a customer, as they stand in the address. */
export const PARTS = ["overview", "money", "orders", "access", "history"] as const;

export type Part = (typeof PARTS)[number];
