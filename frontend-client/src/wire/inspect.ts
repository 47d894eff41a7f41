import { FanfareError } from "../errors.js";

/** Looks at a message of the server and reports what is wrong with it. */
export type Inspect = (name: string, argument: unknown) => void;

/**
 * In development builds: checks every message against the schemas made from the server's types, as soon as
 * Zod is there. A release build contains none of it: bundlers drop the branch, and with it the import.
 */
export function inspection(report: (error: FanfareError) => void): Inspect | null {
  let check: ((name: string, argument: unknown) => string | null) | null = null;
  try {
    if (process.env["NODE_ENV"] === "production") {
      return null;
    }
    import("./schemas.js").then(
      (schemas) => {
        check = schemas.mistakeIn;
      },
      // Zod is an optional dependency: without it there are the core's own checks, as in a release build.
      () => {},
    );
  } catch {
    // A page without a bundler has no `process`: a release build, for all one can tell.
    return null;
  }
  return (name, argument) => {
    const mistake = check?.(name, argument);
    if (mistake) {
      report(new FanfareError("bad_envelope", `The server sent a '${name}' against its schema: ${mistake}`));
    }
  };
}
