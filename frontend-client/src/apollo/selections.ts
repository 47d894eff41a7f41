import { type ApolloCache, InMemoryCache } from "@apollo/client";
import type { DocumentNode, FieldNode, FragmentDefinitionNode, SelectionSetNode } from "graphql";
import type { Policies } from "../sync/policies.js";
import { isObject } from "../sync/values.js";
import { identify } from "./store.js";

/** An object in a result: which entity it is, and the fields that the query selects of it, as the cache names them. */
export interface Selected {
  readonly id: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly fields: ReadonlyMap<string, FieldNode>;
}

interface Walk {
  readonly cache: ApolloCache;
  readonly policies: Policies;
  readonly variables: Record<string, unknown>;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly found: Map<string, { id: string; value: Record<string, unknown>; fields: Map<string, FieldNode> }>;
}

/** The root of queries and the entities that have policies, as they appear in a result. */
export function selectionsOf(
  cache: ApolloCache,
  policies: Policies,
  { query, variables = {}, result }: { query: DocumentNode; variables?: object | undefined; result: unknown },
): ReadonlyMap<string, Selected> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const walk: Walk = {
    cache,
    policies,
    variables: variables as Record<string, unknown>,
    fragments,
    found: new Map(),
  };
  for (const definition of query.definitions) {
    if (definition.kind === "FragmentDefinition") {
      fragments.set(definition.name.value, definition);
    }
  }
  for (const definition of query.definitions) {
    if (definition.kind === "OperationDefinition" && isObject(result)) {
      const root = definition.operation === "query" ? "ROOT_QUERY" : null;
      visit(walk, definition.selectionSet, result, root);
    }
  }
  return walk.found;
}

function visit(walk: Walk, selections: SelectionSetNode, value: unknown, rootId: string | null): void {
  if (Array.isArray(value)) {
    for (const item of value) {
      visit(walk, selections, item, null);
    }
    return;
  }
  if (!isObject(value)) {
    return;
  }
  const policy = walk.policies.ofType(value["__typename"]);
  const id = rootId ?? (policy && identify(walk.cache, policy, value));
  const typeName = rootId === null ? value["__typename"] : "Query";
  let fields: Map<string, FieldNode> | null = null;
  if (id !== undefined) {
    const known = walk.found.get(id) ?? { id, value: {}, fields: new Map<string, FieldNode>() };
    Object.assign(known.value, value);
    walk.found.set(id, known);
    fields = known.fields;
  }
  descend(walk, selections, value, { typeName: typeof typeName === "string" ? typeName : undefined, fields });
}

interface Place {
  readonly typeName: string | undefined;
  readonly fields: Map<string, FieldNode> | null;
}

function descend(
  walk: Walk,
  selections: SelectionSetNode,
  value: Record<string, unknown>,
  place: Place,
): void {
  for (const selection of selections.selections) {
    if (selection.kind === "Field") {
      const name = selection.alias?.value ?? selection.name.value;
      if (name in value) {
        place.fields?.set(storeFieldName(walk, selection, place.typeName), selection);
        if (selection.selectionSet) {
          visit(walk, selection.selectionSet, value[name], null);
        }
      }
      continue;
    }
    const inner = selection.kind === "InlineFragment" ? selection : walk.fragments.get(selection.name.value);
    const condition = inner?.typeCondition?.name.value;
    // Of interfaces and unions everything is taken that is there.
    if (
      inner &&
      (condition === undefined || condition === place.typeName || !walk.policies.ofType(condition))
    ) {
      descend(walk, inner.selectionSet, value, place);
    }
  }
}

function storeFieldName({ cache, variables }: Walk, field: FieldNode, typename: string | undefined): string {
  const fieldName = field.name.value;
  if (!(cache instanceof InMemoryCache)) {
    return fieldName;
  }
  const named = { fieldName, field, variables };
  return cache.policies.getStoreFieldName(typename === undefined ? named : { ...named, typename });
}
