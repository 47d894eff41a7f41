import type { ApolloCache, ObservableQuery } from "@apollo/client";
import { type DocumentNode, type FieldNode, Kind, visit } from "graphql";
import type { Policies } from "../sync/policies.js";
import { nodesOf } from "./lists.js";
import { selectionsOf } from "./selections.js";
import { argumentsOf, fieldOf } from "./store.js";

/** The server gives no more in one page. */
const LARGEST_PAGE = 100;

type Variables = ObservableQuery["variables"];

/**
 * The variables with which one request brings everything that a query shows of lists whose pages the cache gathers: the
 * first page alone would take the place of all.
 */
export function widened(
  cache: ApolloCache,
  policies: Policies,
  query: DocumentNode,
  variables: Variables,
): Variables {
  const { result } = cache.diff<unknown>({ query, variables, optimistic: true, returnPartialData: true });
  const wide = { ...variables };
  for (const [id, { value, fields }] of selectionsOf(cache, policies, { query, variables, result })) {
    const typeName = id === "ROOT_QUERY" ? "Query" : String(value["__typename"]);
    for (const [name, field] of fields) {
      const listed = policies.ofList(typeName, fieldOf(name));
      const size = sizeOf(field);
      const loaded = nodesOf(value[field.alias?.value ?? field.name.value])?.length ?? 0;
      const asked: unknown = size === null ? undefined : (wide[size] ?? listed?.list.pageSize);
      if (listed && size !== null && isGathered(name, field) && typeof asked === "number" && loaded > asked) {
        // The variable may choose something else as well, which is to stay.
        wide[size] = usesOf(query, size) === 1 ? Math.min(loaded, LARGEST_PAGE) : wide[size];
      }
    }
  }
  return wide;
}

/** Whether pages of a field are kept as one: its name in the cache lacks the arguments that choose a page. */
function isGathered(storeFieldName: string, field: FieldNode): boolean {
  const args = argumentsOf(storeFieldName);
  const isUnnamed = storeFieldName === field.name.value && field.arguments?.length !== 0;
  return args !== null && (args.isPartial || isUnnamed) && !("first" in args.values);
}

/** The variable that says how many entries a page has. */
function sizeOf(field: FieldNode): string | null {
  const value = field.arguments?.find(({ name }) => name.value === "first")?.value;
  return value?.kind === Kind.VARIABLE ? value.name.value : null;
}

function usesOf(query: DocumentNode, variable: string): number {
  let uses = 0;
  visit(query, {
    VariableDefinition: () => false,
    Variable: ({ name }) => {
      uses += name.value === variable ? 1 : 0;
    },
  });
  return uses;
}
