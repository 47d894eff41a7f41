/** Something with a version that can be edited. */
export interface Versioned {
  readonly version: number;
}

/** The fields of a form. */
export type Fields<T> = readonly (keyof T & string)[];

/** Which of the fields differ between two states. */
export function differences<T>(fields: Fields<T>, from: T, to: T): (keyof T & string)[] {
  return fields.filter((field) => from[field] !== to[field]);
}

/** The part of a state that these fields are. */
export function pick<T>(state: T, fields: Fields<T>): Partial<T> {
  return Object.fromEntries(fields.map((field) => [field, state[field]])) as Partial<T>;
}

/** One field of a conflict. */
export interface Dispute<T> {
  readonly field: keyof T & string;
  /** When editing began. */
  readonly before: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
  /** Both changed it, to different values: only one can stay. */
  readonly isContested: boolean;
}

/**
 * What two people did to the same thing: every field that either changed since `before`. Fields that
 * only one of them changed can be kept together; contested ones cannot.
 */
export function disputes<T>(fields: Fields<T>, before: T, mine: T, theirs: T): Dispute<T>[] {
  return fields
    .filter((field) => mine[field] !== before[field] || theirs[field] !== before[field])
    .map((field) => ({
      field,
      before: before[field],
      mine: mine[field],
      theirs: theirs[field],
      isContested:
        mine[field] !== before[field] && theirs[field] !== before[field] && mine[field] !== theirs[field],
    }));
}
