import type { ApolloClient, ObservableQuery } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import type { DocumentNode } from "graphql";
import { Doubts } from "../sync/doubts.js";
import type { Policies } from "../sync/policies.js";
import { Timer } from "../timer.js";
import { widened } from "./gathered.js";
import { selectionsOf } from "./selections.js";

/** At most one reading of a query begins in so many milliseconds. */
const INTERVAL_MS = 250;
/** After a failure that may pass: the first wait, and the longest, in milliseconds. */
const RETRY_MS = { first: 1000, longest: 32_000 };
/** Errors of a server that would have answered at another time. */
const PASSING = new Set<unknown>([
  "UNAVAILABLE",
  "INTERNAL",
  "RATE_LIMITED",
  "SERVER_BUSY",
  "SERVER_DRAINING",
]);

/** One query with its variables, however many components show it. */
interface Reading {
  readonly document: DocumentNode;
  readonly variables: ObservableQuery["variables"];
  /** Its variables as a text. */
  readonly key: string;
  /** Those of the component that wanted it last. */
  options: ObservableQuery["options"];
  readonly timer: Timer;
  lastStart: number;
  failures: number;
  isRunning: boolean;
  /** What the next request is for; null when none is wanted. */
  wanted: Wanted | null;
}

interface Wanted {
  readonly doubts: Doubts;
  /** An earlier reading should have settled some of it: what this one does not settle either is given up. */
  isRest: boolean;
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

/** What {@link Rereads} needs of its surroundings. */
export interface RereadsContext {
  readonly policies: Policies;
  /** Sorts what an answer was expected to settle and did not. Fulfilled when it has been read where it is shown. */
  readonly settle: (rest: Doubts) => Promise<unknown>;
  /** Takes what could not be read: no query may be answered with it any more. */
  readonly drop: (doubts: Doubts) => void;
}

/**
 * Reads queries again, each at most once in 250 ms and never twice at a time. It asks the server beside the query, not
 * through it: a screen keeps what it shows, and shows no sign of loading, until the answer is in the cache.
 */
export class Rereads {
  readonly #apollo: ApolloClient;
  readonly #context: RereadsContext;
  readonly #readings = new Map<DocumentNode, Map<string, Reading>>();
  #isEnded = false;

  constructor(apollo: ApolloClient, context: RereadsContext) {
    this.#apollo = apollo;
    this.#context = context;
  }

  /**
   * Reads the query again, by a request that begins after this call. Fulfilled when the answer is in the cache, or when
   * there will be none: the server refuses it, or nobody shows the query any more. `isRest`: an earlier answer should have
   * brought it.
   */
  want(query: ObservableQuery, doubts: Doubts, isRest = false): Promise<void> {
    const reading = this.#readingOf(query);
    reading.wanted ??= wish();
    reading.wanted.doubts.addAll(doubts);
    reading.wanted.isRest ||= isRest;
    const { settled } = reading.wanted;
    if (!reading.timer.isSet) {
      this.#plan(reading);
    }
    return settled;
  }

  /** The network is back: what waits for it is read at once. */
  retry(): void {
    for (const reading of this.#all()) {
      if (reading.failures > 0 && reading.wanted) {
        reading.failures = 0;
        reading.timer.clear();
        this.#plan(reading);
      }
    }
  }

  end(): void {
    this.#isEnded = true;
    for (const { timer, wanted } of this.#all()) {
      timer.clear();
      wanted?.settle();
    }
    this.#readings.clear();
  }

  #plan(reading: Reading): void {
    if (reading.isRunning || !reading.wanted || this.#isEnded) {
      return;
    }
    const pause = Math.min(RETRY_MS.first * 2 ** (reading.failures - 1), RETRY_MS.longest);
    const earliest = reading.lastStart + (reading.failures > 0 ? pause : INTERVAL_MS);
    const wait = earliest - Date.now();
    if (wait > 0) {
      reading.timer.set(wait, () => this.#start(reading));
    } else {
      this.#start(reading);
    }
  }

  async #start(reading: Reading): Promise<void> {
    const { wanted } = reading;
    if (!wanted || this.#isEnded) {
      return;
    }
    reading.wanted = null;
    reading.isRunning = true;
    reading.lastStart = Date.now();
    try {
      const rest = await this.#ask(reading, wanted.doubts);
      reading.failures = 0;
      this.#answered(wanted, rest);
    } catch (error) {
      this.#failed(reading, wanted, error);
    }
    reading.isRunning = false;
    this.#plan(reading);
    if (!reading.wanted && !reading.isRunning) {
      // Kept until the interval is over, so that the next request keeps its distance.
      reading.timer.set(INTERVAL_MS, () => this.#forget(reading));
    }
  }

  /** Asks the server; gives what the answer has nothing of. */
  async #ask({ document, variables: own, options }: Reading, doubts: Doubts): Promise<Doubts> {
    const { cache } = this.#apollo;
    const { policies } = this.#context;
    const variables = widened(cache, policies, document, own);
    const { data, error } = await this.#apollo.query({
      query: document,
      variables,
      fetchPolicy: "network-only",
      errorPolicy: options.errorPolicy ?? "none",
      // An earlier request of the same query may have been answered before the change.
      context: { ...options.context, queryDeduplication: false },
    });
    if (error && isPassing(error)) {
      throw error;
    }
    const answered = selectionsOf(cache, policies, { query: document, variables, result: data });
    const rest = new Doubts();
    for (const [id, fields] of doubts) {
      rest.add(
        id,
        [...fields].filter((name) => !answered.get(id)?.fields.has(name)),
      );
    }
    return rest;
  }

  /** An entity that has left the page, for example, is out of date as before: another query may show it, or none. */
  #answered(wanted: Wanted, rest: Doubts): void {
    if (rest.isEmpty || this.#isEnded) {
      wanted.settle();
    } else if (wanted.isRest) {
      this.#context.drop(rest);
      wanted.settle();
    } else {
      this.#context.settle(rest).then(wanted.settle);
    }
  }

  #failed(reading: Reading, wanted: Wanted, error: unknown): void {
    const isRefused = CombinedGraphQLErrors.is(error) && !isPassing(error);
    if (isRefused || this.#isEnded || !this.#isShown(reading)) {
      if (!this.#isEnded) {
        this.#context.drop(wanted.doubts);
      }
      wanted.settle();
      return;
    }
    reading.failures += 1;
    const later = reading.wanted;
    reading.wanted = wanted;
    if (later) {
      wanted.doubts.addAll(later.doubts);
      wanted.isRest ||= later.isRest;
      wanted.settled.then(later.settle);
    }
  }

  #isShown({ document, key }: Reading): boolean {
    return [...this.#apollo.getObservableQueries("active")].some(
      ({ options, variables }) => options.query === document && keyOf(variables) === key,
    );
  }

  #readingOf({ options, variables }: ObservableQuery): Reading {
    const document = options.query;
    const key = keyOf(variables);
    const byVariables = this.#readings.get(document) ?? new Map<string, Reading>();
    this.#readings.set(document, byVariables);
    const known = byVariables.get(key);
    if (known) {
      known.options = options;
      if (!known.wanted && !known.isRunning) {
        known.timer.clear();
      }
      return known;
    }
    const reading: Reading = {
      document,
      variables,
      key,
      options,
      timer: new Timer(),
      lastStart: Number.NEGATIVE_INFINITY,
      failures: 0,
      isRunning: false,
      wanted: null,
    };
    byVariables.set(key, reading);
    return reading;
  }

  #forget({ document, key }: Reading): void {
    const byVariables = this.#readings.get(document);
    byVariables?.delete(key);
    if (byVariables?.size === 0) {
      this.#readings.delete(document);
    }
  }

  *#all(): Iterable<Reading> {
    for (const byVariables of [...this.#readings.values()]) {
      yield* byVariables.values();
    }
  }
}

/** Whether the same request may be answered later. */
const isPassing = (error: unknown): boolean =>
  CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => PASSING.has(extensions?.["code"]));

const keyOf = (variables: ObservableQuery["variables"]): string => JSON.stringify(variables ?? {});

function wish(): Wanted {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { doubts: new Doubts(), isRest: false, settled, settle };
}
