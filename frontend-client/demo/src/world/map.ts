/** A place on the map, in the map's own unit; y grows to the north. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The frame of a drawing: `width` × `height` around everything, in the map's own unit. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** How much wider than high the map is drawn. */
export const ASPECT = 16 / 10;

/** The smallest frame of the map's proportions with all points in it and room around them. North is up. */
export function frameOf(points: readonly Point[]): Frame {
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => -y);
  const [minX, maxX] = points.length > 0 ? [Math.min(...xs), Math.max(...xs)] : [0, 0];
  const [minY, maxY] = points.length > 0 ? [Math.min(...ys), Math.max(...ys)] : [0, 0];
  // Room for the coast around the outermost places, which is as wide above and below as at the sides.
  const width = Math.max((maxX - minX) * 1.4, (maxY - minY) * 1.62 * ASPECT, 20);
  const height = width / ASPECT;
  return { left: (minX + maxX - width) / 2, top: (minY + maxY - height) / 2, width, height };
}

/** Where a point is in a drawing of 1000 × 625. */
export function placeIn(frame: Frame, { x, y }: Point): Point {
  return {
    x: ((x - frame.left) / frame.width) * 1000,
    y: ((-y - frame.top) / frame.height) * (1000 / ASPECT),
  };
}

/** The shortest roads that connect all places: pairs of indexes (Prim's minimum spanning tree). */
export function roadsBetween(points: readonly Point[]): [number, number][] {
  const roads: [number, number][] = [];
  const reached = new Set(points.length > 0 ? [0] : []);
  while (reached.size < points.length) {
    let best: { from: number; to: number; length: number } | null = null;
    for (const from of reached) {
      for (let to = 0; to < points.length; to += 1) {
        const [a, b] = [points[from], points[to]];
        if (a && b && !reached.has(to)) {
          const length = Math.hypot(a.x - b.x, a.y - b.y);
          if (!best || length < best.length) {
            best = { from, to, length };
          }
        }
      }
    }
    if (!best) {
      break;
    }
    reached.add(best.to);
    roads.push([best.from, best.to]);
  }
  return roads;
}

/** How far a name reaches to each side of its place, and how far below, in a drawing of 1000 × 625. */
const NAME_REACH = { x: 130, y: 75 };

/** So many letters have room to both sides of a place. */
const NAME_LENGTH = 24;

/** As much of a name as does not cover others. */
export function shortened(name: string): string {
  const letters = [...name];
  return letters.length > NAME_LENGTH
    ? `${letters
        .slice(0, NAME_LENGTH - 1)
        .join("")
        .trimEnd()}…`
    : name;
}

/** Whether a place's name stands better above it than below: when another place is where it would be. */
export function isNameAbove(place: Point, places: readonly Point[]): boolean {
  const isTaken = (direction: 1 | -1) =>
    places.some(({ x, y }) => {
      const down = (y - place.y) * direction;
      return Math.abs(x - place.x) < NAME_REACH.x && down > 0 && down < NAME_REACH.y;
    });
  return isTaken(1) && !isTaken(-1);
}
