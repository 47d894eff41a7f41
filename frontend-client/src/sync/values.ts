/** Values of an entity by field name. */
export type Values = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value stands for an entity that a normalized cache keeps elsewhere. */
export function isReference(value: unknown): value is { readonly __ref: string } {
  return isObject(value) && typeof value["__ref"] === "string";
}
