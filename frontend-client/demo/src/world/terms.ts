/** A member's role, weakest first. */
export const ROLES = ["VIEWER", "PLAYER", "GM", "OWNER"] as const;
export type Role = (typeof ROLES)[number];

/** Whether a role may do what the other one may. */
export const isAtLeast = (role: Role | null | undefined, least: Role): boolean =>
  role !== null && role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(least);

export const ROLE_NAMES: Record<Role, string> = {
  VIEWER: "Viewer",
  PLAYER: "Player",
  GM: "Game master",
  OWNER: "Owner",
};

/** What a role may do, in a sentence about the reader. */
export const ROLE_MEANINGS: Record<Role, string> = {
  VIEWER: "You watch: you see everything as it happens and change nothing.",
  PLAYER: "You change settlements and build in them.",
  GM: "You run the world: its clock, its settlements and its buildings.",
  OWNER: "You run the world and decide who is in it.",
};

/** What a structure is for, in the order of the forms. */
export const KINDS = [
  "WALL",
  "BARRACKS",
  "TOWER",
  "HOUSE",
  "WAREHOUSE",
  "FARM",
  "MARKET",
  "WORKSHOP",
  "TEMPLE",
  "HARBOR",
] as const;
export type StructureKind = (typeof KINDS)[number];

/** What a structure of the kind does for its settlement, once it is finished. */
export const KIND_MEANINGS: Record<StructureKind, string> = {
  WALL: "Each level that ten people man adds 10 to the defense.",
  BARRACKS: "Each level that ten people man adds 8 to the defense.",
  TOWER: "Each level that ten people man adds 6 to the defense.",
  HOUSE: "Each level houses 25 people more.",
  WAREHOUSE: "Each level feeds 10 people more.",
  FARM: "Each level feeds 5 people more, and adds to the prosperity: most in autumn, least in winter.",
  MARKET: "Each level adds 6 to the prosperity.",
  WORKSHOP: "Each level adds 4 to the prosperity.",
  TEMPLE: "Each level adds 3 to the prosperity.",
  HARBOR: "Each level adds 5 to the prosperity, and 2 in winter.",
};

const TERRAINS: Readonly<Record<string, string>> = {
  river: "By the river.",
  coast: "On the coast.",
  island: "On an island.",
  mountain: "High in the mountains.",
  pass: "In the pass.",
  hill: "On the hill.",
  valley: "Down in the valley.",
  forest: "Deep in the forest.",
  volcanic: "Below the volcano.",
  swamp: "Out in the swamp.",
  plain: "On the plain.",
};

/** Where a settlement of this terrain lies; nothing for a terrain that nobody has described. */
export const terrainSentence = (terrain: unknown): string => TERRAINS[String(terrain)] ?? "";

/** `WALL` → `Wall`. */
export const kindName = (kind: string): string => kind.charAt(0) + kind.slice(1).toLowerCase();

/** `settlement_updated` → `settlement updated`; `changedFields` → `changed fields`. */
export const inWords = (name: string): string =>
  name.replaceAll("_", " ").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const NUMBER = new Intl.NumberFormat("en-GB");

/** A value as every page shows it: `5000` → `5,000`. */
export const shown = (value: unknown): string =>
  typeof value === "number" ? NUMBER.format(value) : String(value);
