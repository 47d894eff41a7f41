//! The world's clock: it only moves forward, and what is due is finished on the way.

use super::{
    Act, Request, Subject, World,
    change::{Start, expect_version},
    entity::{Campaign, Structure},
    input::{ClockMove, check},
    must_be_campaign,
    rules::Season,
    structures::structure_event,
};
use crate::{
    access::{Action, Grant},
    protocol::{Event, Operation, Problem, TimeSpan, Timestamp, WorldTimeChanged},
    store::{campaigns, structures},
};

impl World {
    /// Moves the clock. Events, in this order: `world_time_changed`, `structure_updated` for every
    /// structure whose `completesAt` has come (each with a new version), `state_invalidated` for the
    /// settlements whose computed values differ: their structures were finished, or the season changed.
    ///
    /// # Errors
    /// `bad_request` for a way backwards or past the year 9999, `conflict`, `not_found`, `forbidden`, `unavailable`.
    pub async fn move_clock(
        &self,
        grant: &Grant,
        clock: ClockMove,
        expected_version: Option<u64>,
        request: &Request,
    ) -> Result<Campaign, Problem> {
        check(&clock)?;
        let act = match clock {
            ClockMove::Set(_) => Act::SetWorldTime,
            ClockMove::Advance { .. } => Act::AdvanceWorldTime,
        };
        let subject = Subject::of(act, grant.room().clone());
        let mut change = match self.start(grant, Action::AdvanceTime, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let mut campaign = change.campaign(must_be_campaign(grant)?).await?;
        expect_version(expected_version, campaign.version)?;
        let before = campaign.world_time;
        let (after, elapsed) = arrive(before, clock)?;
        if after == before {
            return change.finish_unchanged(campaign).await;
        }
        campaign.world_time = after;
        campaign.version += 1;
        change
            .record(Event::WorldTimeChanged(WorldTimeChanged {
                campaign_id: campaign.id,
                previous_time: before,
                new_time: after,
                version: campaign.version,
                elapsed,
            }))
            .await?;
        campaigns::update(&mut change.tx, &campaign.clone().into()).await?;
        let rows = structures::finish_due(&mut change.tx, campaign.id, after).await?;
        let completed = rows.into_iter().map(Structure::try_from).collect::<Result<Vec<_>, _>>()?;
        for structure in &completed {
            change.record(structure_event(structure, Operation::Update, &["finished"])).await?;
        }
        let season_changed = Season::of(before) != Season::of(after);
        change.clock_moved(campaign.id, before, after, &completed, season_changed).await?;
        change.finish(campaign).await
    }
}

/// Where a move ends, and how far it was if it was given as an amount.
fn arrive(now: Timestamp, clock: ClockMove) -> Result<(Timestamp, Option<TimeSpan>), Problem> {
    match clock {
        ClockMove::Set(to) if to < now => Err(Problem::invalid_field(
            "worldTime",
            format!("world time only moves forward, and it is {now} already"),
        )),
        ClockMove::Set(to) => Ok((to, None)),
        ClockMove::Advance { amount, unit } => {
            let value = u32::try_from(amount).ok();
            let to = amount.checked_mul(unit.millis()).and_then(|millis| now.plus_millis(millis));
            match (value, to) {
                (Some(value), Some(to)) => Ok((to, Some(TimeSpan { value, unit }))),
                _ => Err(Problem::invalid_field("amount", "world time ends with the year 9999")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::TimeUnit;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_clock_only_moves_forward() {
        let now = at("1372-04-10T12:00:00.000Z");
        assert_eq!(arrive(now, ClockMove::Set(now)).unwrap(), (now, None));
        let later = at("1372-04-10T12:00:00.001Z");
        assert_eq!(arrive(now, ClockMove::Set(later)).unwrap(), (later, None));
        let earlier = arrive(later, ClockMove::Set(now)).unwrap_err();
        assert_eq!(earlier.details[0].field, "worldTime");
    }

    #[test]
    fn an_amount_is_kept_as_it_was_given() {
        let now = at("1372-12-31T23:00:00.000Z");
        let advance = |amount, unit| arrive(now, ClockMove::Advance { amount, unit });
        let (to, elapsed) = advance(90, TimeUnit::Minutes).unwrap();
        assert_eq!(to, at("1373-01-01T00:30:00.000Z"));
        assert_eq!(elapsed, Some(TimeSpan { value: 90, unit: TimeUnit::Minutes }));
        assert_eq!(advance(2, TimeUnit::Weeks).unwrap().0, at("1373-01-14T23:00:00.000Z"));
        assert_eq!(advance(1_000_000, TimeUnit::Weeks).unwrap_err().details[0].field, "amount");
    }
}
