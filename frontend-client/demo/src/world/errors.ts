import { CombinedGraphQLErrors } from "@apollo/client/errors";

/** Why the server refused, for programs: `NOT_FOUND`, `VERSION_CONFLICT`, …; null when it was not asked. */
export function codeOf(error: unknown): string | null {
  if (CombinedGraphQLErrors.is(error)) {
    const code = error.errors[0]?.extensions?.["code"];
    return typeof code === "string" ? code : null;
  }
  return null;
}

/** Whether there is nothing under an id: nothing has it that the user may see, or it is none. */
export function isNowhere(error: unknown): boolean {
  const code = codeOf(error);
  return code === "NOT_FOUND" || code === "BAD_REQUEST";
}

/** Why the server refused, for people. */
export function sentenceOf(error: unknown): string {
  if (CombinedGraphQLErrors.is(error)) {
    return error.errors[0]?.message ?? "The server refused.";
  }
  if (error instanceof TypeError) {
    return "The server cannot be reached.";
  }
  return error instanceof Error ? error.message : "Something went wrong.";
}

/** What was wrong with each input, by its name, when the server said so. */
export function fieldErrorsOf(error: unknown): Readonly<Record<string, string>> {
  if (!CombinedGraphQLErrors.is(error)) {
    return {};
  }
  const details = error.errors[0]?.extensions?.["details"];
  return Array.isArray(details)
    ? Object.fromEntries(
        details.map(({ field, message }: { field: string; message: string }) => [
          field.replace(/^input\./, ""),
          message,
        ]),
      )
    : {};
}
