import type { Code, FieldError } from "./generated/protocol.js";

/**
 * What went wrong on the client's side, or between client and server. The server's own refusals keep
 * the server's {@link Code}.
 */
export type ClientCode =
  /** An option of `createFanfare` or an argument is not usable; the message says what to do. */
  | "invalid_option"
  /** The transport could not be opened, or was lost. */
  | "connection_lost"
  /** Nothing was heard from the server for too long. */
  | "connection_stalled"
  /** The server did not answer in time. */
  | "timeout"
  /** `getToken` failed, took too long or returned no token. */
  | "token_unavailable"
  /** `getToken` returned the token of another user than before. */
  | "identity_changed"
  /** The server speaks another version of the protocol. */
  | "protocol_mismatch"
  /** A message from the server does not have the shape of the protocol. */
  | "bad_envelope"
  /** The room's events kept arriving with holes. */
  | "gap_not_closed"
  /** A command waited longer than its time to live. */
  | "command_expired"
  /** Too many commands were waiting already. */
  | "queue_full"
  /** The transport in use cannot carry commands. */
  | "not_supported"
  /** The client was closed. */
  | "closed"
  /** A handler of the application threw. */
  | "handler_failed";

/** Every code that a {@link FanfareError} can carry. */
export type ErrorCode = Code | ClientCode;

/** What a {@link FanfareError} can say beside its message. */
export interface ErrorDetails {
  /** The room that it is about. */
  readonly room?: string | undefined;
  /** When trying again makes sense, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Which inputs were wrong, when the server refused with `bad_request`. */
  readonly fields?: readonly FieldError[] | undefined;
  /** What caused it. */
  readonly cause?: unknown;
}

/** The one error type of this package: a code for programs, a sentence for people. */
export class FanfareError extends Error {
  override readonly name = "FanfareError";
  /** The kind of failure. */
  readonly code: ErrorCode;
  /** The room that it is about, if it is about one. */
  readonly room: string | undefined;
  /** When trying again makes sense, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Which inputs were wrong, when the server refused with `bad_request`. */
  readonly fields: readonly FieldError[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.room = details.room;
    this.retryAfterMs = details.retryAfterMs;
    this.fields = details.fields ?? [];
  }

  /**
   * The error itself when it is one of ours, else one of ours around it.
   * @internal
   */
  static from(error: unknown, code: ErrorCode): FanfareError {
    if (error instanceof FanfareError) {
      return error;
    }
    return new FanfareError(code, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/**
 * The error of whatever needs a connection when there is none, or none any more.
 * @internal
 */
export function connectionLost(): FanfareError {
  return new FanfareError("connection_lost", "There is no connection to the server.");
}

/**
 * The error of whatever is asked of a client that was closed, or still waited then.
 * @internal
 */
export function clientClosed(): FanfareError {
  return new FanfareError("closed", "This client was closed: make a new one with createFanfare.");
}

/**
 * The error of a command whose acknowledgement did not come in time.
 * @internal
 */
export function noAnswer(command: string): FanfareError {
  return new FanfareError("timeout", `The server did not answer '${command}' in time.`);
}
