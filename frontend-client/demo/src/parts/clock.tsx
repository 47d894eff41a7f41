import { useMutation } from "@apollo/client/react";
import { useWorldClock } from "@fanfare/client/zustand";
import { useCampaign, useMay } from "../pages/campaign-context.js";
import { useViewer } from "../viewer.js";
import { type AdvanceUnit, dateOf, dayFraction, seasonOf, spanOf, timeOf } from "../world/calendar.js";
import { ADVANCE } from "../world/documents.js";
import { sentenceOf } from "../world/errors.js";
import { newRequestId } from "../world/request-id.js";
import { Flash } from "./flash.js";
import { tell } from "./toasts.js";

const STEPS: readonly { readonly label: string; readonly amount: number; readonly unit: AdvanceUnit }[] = [
  { label: "1 hour", amount: 1, unit: "HOURS" },
  { label: "6 hours", amount: 6, unit: "HOURS" },
  { label: "1 day", amount: 1, unit: "DAYS" },
  { label: "1 week", amount: 1, unit: "WEEKS" },
];

/** The world's clock, and the buttons that move it for those who may. */
export function WorldClock() {
  const { campaign } = useCampaign();
  const clock = useWorldClock(useViewer().clocks, campaign.id);
  const worldTime = clock?.worldTime ?? campaign.worldTime;
  const mayAdvance = useMay("GM");
  return (
    <section className="clock" aria-labelledby="clock-title" data-season={seasonOf(worldTime)}>
      <Dial instant={worldTime} />
      <div className="clock-words">
        <h2 id="clock-title" className="eyebrow">
          World time
        </h2>
        <p className="clock-time" aria-live="polite">
          <Flash value={worldTime} testId="world-time">
            <time dateTime={worldTime}>
              <span className="clock-hour">{timeOf(worldTime)}</span> {dateOf(worldTime)}
            </time>
          </Flash>
        </p>
        <p className="season">
          {seasonOf(worldTime)}
          {clock?.elapsed && <span className="elapsed">, moved on by {spanOf(clock.elapsed)}</span>}
        </p>
      </div>
      {mayAdvance && <Advance />}
    </section>
  );
}

function Advance() {
  const { campaign } = useCampaign();
  const [advance, { loading }] = useMutation(ADVANCE);
  const move = async (amount: number, unit: AdvanceUnit) => {
    try {
      // Without an optimistic answer: what is finished by then, only the server knows, and the two belong together.
      await advance({ variables: { campaignId: campaign.id, amount, unit, requestId: newRequestId() } });
    } catch (error) {
      tell("bad", sentenceOf(error));
    }
  };
  return (
    <fieldset className="advance" aria-busy={loading}>
      <legend className="hidden">Advance the world time</legend>
      {STEPS.map(({ label, amount, unit }) => (
        <button
          key={label}
          type="button"
          data-testid={`advance-${amount}-${unit.toLowerCase()}`}
          onClick={() => void move(amount, unit)}
        >
          <span aria-hidden="true">+</span> {label}
        </button>
      ))}
    </fieldset>
  );
}

/** The time of the day as a hand on a dial of 24 hours: noon is up, night is below the horizon. */
function Dial({ instant }: { readonly instant: string }) {
  const turn = (dayFraction(instant) * 360 + 180) % 360;
  const hour = dayFraction(instant) * 24;
  const isDay = hour >= 6 && hour < 18;
  return (
    <svg className="dial" viewBox="0 0 64 64" aria-hidden="true" data-day={isDay}>
      <circle cx="32" cy="32" r="30" className="dial-sky" />
      <path d="M2 32a30 30 0 0 0 60 0z" className="dial-ground" />
      {[0, 45, 90, 135, 180, 225, 270, 315].map((angle) => (
        <path key={angle} d="M32 4v3" className="dial-tick" transform={`rotate(${angle} 32 32)`} />
      ))}
      <g transform={`rotate(${turn} 32 32)`}>
        <path d="M32 32V18" className="dial-hand" />
        <circle cx="32" cy="13" r="5" className="dial-sun" />
      </g>
      <circle cx="32" cy="32" r="2.5" className="dial-hub" />
    </svg>
  );
}
