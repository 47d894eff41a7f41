/** Small drawings of what the land is like, to the left and right of a settlement. Unknown land has none. */
const SIGNS: Record<string, string> = {
  river: "M-58 -14c8 -8 16 8 24 0M-60 0c8 -8 16 8 24 0M36 12c8 -8 16 8 24 0",
  coast: "M-62 -6c6 -8 12 -8 18 0s12 8 18 0M-66 10c6 -8 12 -8 18 0s12 8 18 0",
  island: "M-60 4c6 -6 12 -6 18 0M44 -2c6 -6 12 -6 18 0M-50 18c6 -6 12 -6 18 0",
  mountain: "M-66 14l16 -30 10 16 6 -10 10 24M36 14l14 -26 16 26",
  pass: "M-68 14l18 -34 16 30M34 14l18 -38 18 38",
  hill: "M-64 12c8 -18 22 -18 30 0M-48 12c6 -12 16 -12 22 0M38 14c8 -16 20 -16 28 0",
  valley: "M-66 -8c10 22 24 22 34 0M36 -6c8 18 20 18 28 0",
  forest: "M-52 -20l-9 16h18zM-52 -4v6M-38 -8l-9 16h18zM-38 8v6M46 -14l-9 16h18zM46 2v6",
  volcanic: "M-66 14l14 -24 4 5 5 -5 14 24M-50 -18c4 -4 0 -8 4 -12",
  swamp: "M-56 12v-14M-50 12v-20M-44 12v-12M-62 14h24M42 14v-12M48 14v-18M36 16h20",
  plain: "M-60 10h14M-52 0h10M40 8h16M46 -2h10",
};

export function TerrainSign({ terrain }: { readonly terrain: string }) {
  const path = SIGNS[terrain];
  return path ? <path className="terrain" d={path} /> : null;
}
