/** One spelling for each room: an id of the world is a UUID in lower case, a user's is what the token says. */
const ROOM =
  /^((campaign|settlement|structure|session):[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|user:[!-~]{1,128})$/;
const EPOCH = /^[!-~]{1,64}$/;

/** Whether the server can read what a client wants of a room. If not, it refuses the whole command. */
export function isReadable(wish: Record<string, unknown>): boolean {
  const { room, position } = wish as { room?: unknown; position?: { epoch: unknown; offset: unknown } };
  const isPlace =
    !position ||
    (EPOCH.test(String(position.epoch)) &&
      Number.isSafeInteger(position.offset) &&
      Number(position.offset) >= 0);
  return ROOM.test(String(room)) && isPlace;
}
