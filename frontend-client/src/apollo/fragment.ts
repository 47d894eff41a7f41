import { type DocumentNode, type FieldNode, Kind } from "graphql";

import { isObject } from "../sync/values.js";

const FRAGMENTS = new Map<string, DocumentNode>();
/** Entities of one type come with the same few sets of fields; more are not kept. */
const KEPT_FRAGMENTS = 200;

/** A fragment that writes exactly these values. Objects without a type are JSON, which is written as it is. */
export function fragmentFor(typeName: string, data: Readonly<Record<string, unknown>>): DocumentNode {
  const shape = `${typeName} ${shapeOf(data)}`;
  const known = FRAGMENTS.get(shape);
  if (known) {
    return known;
  }
  const fragment: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        kind: Kind.FRAGMENT_DEFINITION,
        name: { kind: Kind.NAME, value: `Fanfare${typeName}` },
        typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: typeName } },
        selectionSet: { kind: Kind.SELECTION_SET, selections: fieldsOf(data) },
      },
    ],
  };
  if (FRAGMENTS.size < KEPT_FRAGMENTS) {
    FRAGMENTS.set(shape, fragment);
  }
  return fragment;
}

const isTyped = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && value["__typename"] !== undefined;

function shapeOf(data: Readonly<Record<string, unknown>>): string {
  return Object.entries(data)
    .map(([name, value]) => (isTyped(value) ? `${name}{${shapeOf(value)}}` : name))
    .join(" ");
}

function fieldsOf(data: Readonly<Record<string, unknown>>): FieldNode[] {
  return Object.entries(data).map(([name, value]) => {
    const field: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: name } };
    return isTyped(value)
      ? { ...field, selectionSet: { kind: Kind.SELECTION_SET, selections: fieldsOf(value) } }
      : field;
  });
}
