import type { Reference } from "@apollo/client";
import type { ListPolicy, Policy } from "../sync/policies.js";
import { isObject, isReference, type Values } from "../sync/values.js";
import type { Arguments } from "./store.js";

/** The list cannot be brought up to date from what is known: it has to be read again. */
export const READ_AGAIN: unique symbol = Symbol("read again");

/** What a list's entry is, for the functions below. */
export interface Entry {
  readonly policy: Policy;
  readonly list: ListPolicy;
  readonly values: Values;
  readonly ref: Reference;
  /** Reads a field of a stored object or of what a reference stands for. */
  readonly read: (field: string, from: unknown) => unknown;
}

/** Arguments that choose a page; every other one that is not in `where` may be a filter. */
const PAGING = new Set(["first", "after"]);

/** Whether the arguments choose the list that the entity belongs to; null when that cannot be told. */
export function isListOf(list: ListPolicy, { values, isPartial }: Arguments, entity: Values): boolean | null {
  const where = list.on === "Query" ? (list.where ?? {}) : {};
  for (const [argument, field] of Object.entries(where)) {
    if (values[argument] === undefined || entity[field] === undefined) {
      return null;
    }
    if (values[argument] !== entity[field]) {
      return false;
    }
  }
  const others = Object.keys(values).some((name) => !(name in where) && !PAGING.has(name));
  return others && !isPartial ? null : true;
}

/** The list with the entity in its place; the same when it is in it already or belongs on another page. */
export function inserted(value: unknown, args: Arguments, entry: Entry): unknown {
  const nodes = nodesOf(value);
  if (!nodes) {
    return READ_AGAIN;
  }
  if (nodes.some((node) => isEntry(node, entry))) {
    return value;
  }
  const rank = placeIn(nodes, entry);
  if (rank === null) {
    return READ_AGAIN;
  }
  return Array.isArray(value)
    ? [...nodes.slice(0, rank), entry.ref, ...nodes.slice(rank)]
    : insertedInPage(value as Record<string, unknown>, nodes, rank, args, entry);
}

/**
 * The list without the entity; the same when it is not in it. Pages that the cache gathers (`isGathered`) may be of any
 * length: what follows comes with the next one.
 */
export function removed(
  value: unknown,
  entry: Entry,
  isGathered = false,
): { value: unknown; isWhole: boolean } {
  const nodes = nodesOf(value);
  const at = nodes?.findIndex((node) => isEntry(node, entry)) ?? -1;
  if (!nodes || at < 0) {
    // It may have been the only one behind the page.
    return { value, isWhole: isGathered || pageInfoOf(value)?.["hasNextPage"] !== true };
  }
  if (Array.isArray(value)) {
    return { value: without(nodes, at), isWhole: true };
  }
  const page = value as Record<string, unknown>;
  const info = pageInfoOf(page);
  const next = withParts(page, (items) => without(items, at));
  // The page is one short, and only the server knows what follows.
  const isWhole = (isGathered || info?.["hasNextPage"] === false) && page["totalCount"] === undefined;
  return { value: withCursors(next, entry), isWhole };
}

function pageInfoOf(value: unknown): Record<string, unknown> | null {
  return isObject(value) && isObject(value["pageInfo"]) ? value["pageInfo"] : null;
}

/** The objects in a list of any shape; null when it has none of the known shapes. */
export function nodesOf(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) {
    return value;
  }
  if (!isObject(value)) {
    return null;
  }
  if (Array.isArray(value["nodes"])) {
    return value["nodes"];
  }
  return Array.isArray(value["edges"])
    ? value["edges"].map((edge: unknown) => (isObject(edge) ? edge["node"] : null))
    : null;
}

function insertedInPage(
  page: Record<string, unknown>,
  nodes: readonly unknown[],
  rank: number,
  { values, isPartial }: Arguments,
  entry: Entry,
): unknown {
  const { policy, list } = entry;
  const mine = entry.values[policy.order ?? ""];
  const after = values["after"];
  if (page["totalCount"] !== undefined) {
    return READ_AGAIN;
  }
  if (rank === 0 && typeof after === "string" && String(mine) <= after) {
    return page;
  }
  const info = pageInfoOf(page);
  const first = typeof values["first"] === "number" ? values["first"] : undefined;
  const size = isPartial ? Number.POSITIVE_INFINITY : (first ?? list.pageSize ?? Number.POSITIVE_INFINITY);
  const more = typeof info?.["hasNextPage"] === "boolean" ? info["hasNextPage"] : nodes.length >= size;
  if (rank === nodes.length && (more || nodes.length >= size)) {
    // It begins the next page.
    return more || !info ? page : { ...page, pageInfo: { ...info, hasNextPage: true } };
  }
  const edge = { __typename: `${policy.typeName}Edge`, cursor: String(mine), node: entry.ref };
  const isFull = nodes.length >= size;
  const next = withParts(page, (items, part) => {
    const item = part === "edges" ? edge : entry.ref;
    const all = [...items.slice(0, rank), item, ...items.slice(rank)];
    return isFull ? all.slice(0, -1) : all;
  });
  if (isFull && info) {
    next["pageInfo"] = { ...info, hasNextPage: true };
  }
  return withCursors(next, entry);
}

/** Before which entry the entity comes; null when the list's order is not known. */
function placeIn(nodes: readonly unknown[], { policy, values, read }: Entry): number | null {
  if (policy.order === null) {
    return null;
  }
  const mine = values[policy.order];
  if (typeof mine !== "string" && typeof mine !== "number") {
    return null;
  }
  for (const [index, node] of nodes.entries()) {
    const other = read(policy.order, node);
    if (typeof other !== typeof mine) {
      return null;
    }
    if ((other as typeof mine) > mine) {
      return index;
    }
  }
  return nodes.length;
}

/** Whether a list's entry is this entity, by reference or, where the cache keeps it inside the list, by its key. */
export function isEntry(node: unknown, { policy, values, ref, read }: Entry): boolean {
  if (isReference(node)) {
    return node.__ref === ref.__ref;
  }
  if (!isObject(node)) {
    return false;
  }
  // What chose the list need not be repeated in its entries.
  const last = policy.key.at(-1) ?? "id";
  return policy.key.every((field) => {
    const value = read(field, node);
    return value === values[field] || (value === undefined && field !== last);
  });
}

function without<T>(items: readonly T[], at: number): T[] {
  return [...items.slice(0, at), ...items.slice(at + 1)];
}

function withParts(
  page: Record<string, unknown>,
  change: (items: readonly unknown[], part: "edges" | "nodes") => readonly unknown[],
): Record<string, unknown> {
  const next = { ...page };
  for (const part of ["edges", "nodes"] as const) {
    const items = page[part];
    if (Array.isArray(items)) {
      next[part] = change(items, part);
    }
  }
  return next;
}

/** The page's own cursors follow its entries. */
function withCursors(page: Record<string, unknown>, { policy, read }: Entry): Record<string, unknown> {
  const info = page["pageInfo"];
  if (!isObject(info)) {
    return page;
  }
  const edges = Array.isArray(page["edges"]) ? page["edges"] : null;
  const nodes = nodesOf(page) ?? [];
  const cursorAt = (index: number): unknown => {
    const edge: unknown = edges?.at(index);
    const cursor = isObject(edge) ? edge["cursor"] : undefined;
    return (
      cursor ?? (policy.order === null || nodes.length === 0 ? null : read(policy.order, nodes.at(index)))
    );
  };
  const next = { ...info };
  for (const [name, index] of [["startCursor", 0] as const, ["endCursor", -1] as const]) {
    if (name in info) {
      next[name] = cursorAt(index) ?? null;
    }
  }
  return { ...page, pageInfo: next };
}
