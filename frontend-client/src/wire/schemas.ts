import { fromJSONSchema, prettifyError, type ZodType } from "zod";
import { EVENT_TYPES, NOTICE_NAMES } from "../generated/protocol.js";
import { definitions } from "../generated/schemas.js";

const pascal = (name: string) => name.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());

/** The Zod schema of one of the protocol's types. */
export function schemaOf(type: keyof typeof definitions): ZodType {
  return fromJSONSchema({ $ref: `#/$defs/${type}`, $defs: definitions } as Parameters<
    typeof fromJSONSchema
  >[0]);
}

const schemas = new Map<string, ZodType>();

function schemaFor(name: string): ZodType | undefined {
  const isEvent = (EVENT_TYPES as readonly string[]).includes(name);
  const isNotice = (NOTICE_NAMES as readonly string[]).includes(name);
  if (!schemas.has(name) && (isEvent || isNotice)) {
    schemas.set(name, schemaOf(isEvent ? "Envelope" : (pascal(name) as keyof typeof definitions)));
  }
  return schemas.get(name);
}

/** What is wrong with a message, in words; null for one that is right, or that has no schema. */
export function mistakeIn(name: string, argument: unknown): string | null {
  const result = schemaFor(name)?.safeParse(argument);
  return result && !result.success ? prettifyError(result.error) : null;
}
