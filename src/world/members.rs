//! Members: the OWNER says who they are; everybody may leave; somebody stays responsible.

use super::{
    Act, Request, Subject, World,
    change::{Change, Start},
    entity::Member,
    must_be_campaign, within,
};
use crate::{
    access::{Action, Grant},
    protocol::{CampaignId, Code, Event, MembershipChanged, Problem, Role, UserId},
    store::{members, survey, users},
};

impl World {
    /// Makes `user` a member with `role`, or gives a member that role. Event: `membership_changed`, in the
    /// campaign's log and in the user's own.
    ///
    /// # Errors
    /// `conflict` when it would leave the campaign without an OWNER, `limit_exceeded`, `not_found`,
    /// `forbidden`, `unavailable`.
    pub async fn set_member(
        &self,
        grant: &Grant,
        user: UserId,
        role: Role,
        request: &Request,
    ) -> Result<Member, Problem> {
        let subject = Subject::of_member(Act::SetMember, grant.room().clone(), user.clone());
        let mut change = match self.start(grant, Action::Administer, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = must_be_campaign(grant)?;
        change.campaign(campaign_id).await?;
        let before = members::role(&mut change.tx, campaign_id, &user).await?;
        let name =
            users::by_ids(&mut change.tx, std::slice::from_ref(&user)).await?.pop().map(|row| row.name);
        let member = Member { campaign_id, user_id: user, role, name };
        if before == Some(role) {
            return change.finish_unchanged(member).await;
        }
        match before {
            Some(before) => change.keep_an_owner(campaign_id, before).await?,
            None => change.room_for_member(campaign_id, self.limits.members_per_campaign).await?,
        }
        change.record(membership(campaign_id, &member.user_id, Some(role))).await?;
        members::put(&mut change.tx, campaign_id, &member.user_id, role).await?;
        change.finish(member).await
    }

    /// Ends the membership of `user`. The grant is to administer the campaign or, for one's own
    /// membership, to view it. Event: `membership_changed` with the role null; from there on nothing of the
    /// campaign reaches the user.
    ///
    /// # Errors
    /// `conflict` when it would leave the campaign without an OWNER, `not_found` (also when `user` is no
    /// member), `forbidden`, `unavailable`.
    pub async fn remove_member(
        &self,
        grant: &Grant,
        user: UserId,
        request: &Request,
    ) -> Result<UserId, Problem> {
        let leaving = *grant.user() == user;
        let action = if leaving { Action::View } else { Action::Administer };
        let subject = Subject::of_member(Act::RemoveMember, grant.room().clone(), user.clone());
        let mut change = match self.start(grant, action, subject, request).await? {
            Start::Fresh(change) => change,
            Start::Repeat(first) => return Ok(first),
        };
        let campaign_id = must_be_campaign(grant)?;
        let before =
            members::role(&mut change.tx, campaign_id, &user).await?.ok_or_else(Problem::not_found)?;
        change.keep_an_owner(campaign_id, before).await?;
        change.record(membership(campaign_id, &user, None)).await?;
        members::delete(&mut change.tx, campaign_id, &user).await?;
        change.finish(user).await
    }
}

impl Change {
    /// Refuses to take the role of the only OWNER.
    async fn keep_an_owner(&mut self, campaign: CampaignId, role: Role) -> Result<(), Problem> {
        if role == Role::Owner && members::count(&mut self.tx, campaign, Role::Owner).await? <= 1 {
            return Err(Problem::new(
                Code::Conflict,
                "The campaign's only OWNER keeps the role: make somebody else OWNER first.",
            ));
        }
        Ok(())
    }

    async fn room_for_member(&mut self, campaign: CampaignId, limit: u32) -> Result<(), Problem> {
        within(survey::count_members(&mut self.tx, campaign).await?, limit, "members")
    }
}

fn membership(campaign_id: CampaignId, user: &UserId, role: Option<Role>) -> Event {
    Event::MembershipChanged(MembershipChanged { campaign_id, user_id: user.clone(), role })
}
