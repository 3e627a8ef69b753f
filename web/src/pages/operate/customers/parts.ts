/** The parts of the drawer of a customer, as they stand in the address. */
export const PARTS = ["overview", "money", "payments", "orders", "access", "signins", "mails", "history"] as const;

export type Part = (typeof PARTS)[number];
