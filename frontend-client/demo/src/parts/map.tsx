import { memo, useId, useMemo } from "react";
import { follow } from "../routing/router.js";
import { settlementPath } from "../routing/routes.js";
import type { SettlementData } from "../world/documents.js";
import { frameOf, isNameAbove, type Point, placeIn, roadsBetween, shortened } from "../world/map.js";
import { shown } from "../world/terms.js";
import { useChanges } from "./flash.js";
import { TerrainSign } from "./terrain.js";

export interface WorldMapProps {
  readonly name: string;
  readonly settlements: readonly SettlementData[];
}

/** The settlements of a campaign where they are. Each is a link; it lights up when it changes. */
export function WorldMap({ name, settlements }: WorldMapProps) {
  const title = useId();
  const placed = usePlaces(settlements);
  const points = placed.map(({ place }) => place);
  return (
    <figure className="map" data-testid="map">
      <Land places={placed.map(({ settlement, place }) => ({ ...place, terrain: terrainOf(settlement) }))} />
      {/* biome-ignore lint/a11y/useSemanticElements: inside SVG there is no other way to make a group of links. */}
      <svg viewBox="0 0 1000 625" role="group" aria-labelledby={title}>
        <title id={title}>{`Map of ${name}`}</title>
        {placed.map(({ settlement, place }) => (
          <Marker
            key={settlement.id}
            settlement={settlement}
            place={place}
            isNameAbove={isNameAbove(place, points)}
          />
        ))}
      </svg>
    </figure>
  );
}

interface LandProps {
  readonly places: readonly (Point & { readonly terrain: string })[];
}

const isSameLand = (before: LandProps, now: LandProps) =>
  JSON.stringify(before.places) === JSON.stringify(now.places);

/**
 * The land around the settlements, and the roads between them. A drawing of its own: its coast is dear to paint, and
 * what changes on the map must not paint it again.
 */
const Land = memo(function Land({ places }: LandProps) {
  const coast = useId();
  const mainland = places.filter(({ terrain }) => terrain !== "island");
  const roads = roadsBetween(mainland);
  return (
    <svg viewBox="0 0 1000 625" className="map-ground" aria-hidden="true">
      <defs>
        <filter id={coast} x="-20%" y="-20%" width="140%" height="140%" colorInterpolationFilters="sRGB">
          <feGaussianBlur stdDeviation="24" result="soft" />
          <feColorMatrix in="soft" values="1 0 0 0 0  0 1 0 0 0  0 0 1 0 0  0 0 0 24 -8" result="shape" />
          <feTurbulence type="fractalNoise" baseFrequency="0.012" numOctaves="4" seed="11" result="noise" />
          <feDisplacementMap
            in="shape"
            in2="noise"
            scale="70"
            xChannelSelector="R"
            yChannelSelector="G"
            result="land"
          />
          <feMorphology in="land" operator="dilate" radius="9" result="wide" />
          <feGaussianBlur in="wide" stdDeviation="3" result="shore" />
          <feFlood className="map-shallow" result="water" />
          <feComposite in="water" in2="shore" operator="in" result="shallow" />
          <feMerge>
            <feMergeNode in="shallow" />
            <feMergeNode in="land" />
          </feMerge>
        </filter>
      </defs>
      <rect width="1000" height="625" className="map-sea" />
      <Grid />
      <g className="map-land" filter={`url(#${coast})`}>
        {places.map(({ x, y }) => (
          <circle key={`${x} ${y}`} cx={x} cy={y} r="95" />
        ))}
        {roads.map(([a, b]) => (
          <Road key={`${a}-${b}`} from={mainland[a]} to={mainland[b]} className="map-bridge" />
        ))}
      </g>
      {roads.map(([a, b]) => (
        <Road key={`${a}-${b}`} from={mainland[a]} to={mainland[b]} className="map-road" />
      ))}
      {places.map(({ x, y, terrain }) => (
        <g key={`${x} ${y}`} transform={`translate(${x} ${y})`}>
          <TerrainSign terrain={terrain} />
        </g>
      ))}
    </svg>
  );
}, isSameLand);

const terrainOf = (settlement: SettlementData): string => String(settlement.variables["terrain"] ?? "plain");

function usePlaces(settlements: readonly SettlementData[]) {
  return useMemo(() => {
    const frame = frameOf(settlements.map(({ position }) => position));
    return settlements.map((settlement) => ({ settlement, place: placeIn(frame, settlement.position) }));
  }, [settlements]);
}

function Grid() {
  const lines = [1, 2, 3, 4, 5, 6, 7].map((n) => n * 125);
  return (
    <g className="map-grid">
      {lines.map((at) => (
        <path key={at} d={`M${at} 0V625M0 ${at}H1000`} />
      ))}
    </g>
  );
}

interface RoadProps {
  readonly from: Point | undefined;
  readonly to: Point | undefined;
  readonly className: string;
}

function Road({ from, to, className }: RoadProps) {
  return from && to ? <path className={className} d={`M${from.x} ${from.y}L${to.x} ${to.y}`} /> : null;
}

interface MarkerProps {
  readonly settlement: SettlementData;
  readonly place: Point;
  readonly isNameAbove: boolean;
}

function Marker({ settlement, place, isNameAbove: isAbove }: MarkerProps) {
  const { id, campaignId, name, level, population, version } = settlement;
  const changes = useChanges(version);
  const path = settlementPath(campaignId, id);
  const size = 11 + level * 1.2;
  const people = population === 1 ? "1 person" : `${shown(population)} people`;
  return (
    <g transform={`translate(${place.x} ${place.y})`}>
      <g className="marker-body">
        {changes > 0 && <circle key={changes} r={size} className="marker-ring" />}
        <a
          href={path}
          className="marker"
          aria-label={`${name}, level ${level}, ${people}`}
          data-testid={`map-${id}`}
          onClick={(event) => follow(event, path)}
        >
          <circle r={size + 9} className="marker-reach" />
          <circle r={size} className="marker-town" />
          <text className="marker-name" y={isAbove ? -size - 11 : size + 24}>
            {shortened(name)}
          </text>
        </a>
        <text className="marker-level" y="1">
          {level}
        </text>
      </g>
    </g>
  );
}
