//! The rules of the world: what a settlement is worth, from what stands in it and when it is.
//!
//! Pure functions of their arguments. The numbers are Fanfare's own, chosen so that every input
//! matters to some value and none can make a value negative or overflow; the sample world and the
//! tests rest on them. To add a kind of structure, add a variant to [`StructureKind`] and fill in the
//! matches that stop compiling; to add a computed value, add it to [`Computed`] and [`ComputedField`].

use crate::protocol::Timestamp;

pub use super::season::Season;

/// The highest level of a settlement.
pub const MAX_SETTLEMENT_LEVEL: u32 = 20;
/// The highest level of a structure.
pub const MAX_STRUCTURE_LEVEL: u32 = 10;
/// The largest population of a settlement.
pub const MAX_POPULATION: u32 = 10_000_000;
/// How many people man one level of a defensive structure.
pub const GARRISON_PER_LEVEL: u32 = 10;

/// What a structure is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StructureKind {
    Wall,
    Barracks,
    Tower,
    House,
    Warehouse,
    Farm,
    Market,
    Workshop,
    Temple,
    Harbor,
}

/// A finished structure, as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub kind: StructureKind,
    /// 1 to [`MAX_STRUCTURE_LEVEL`].
    pub level: u32,
}

/// A settlement, as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// 1 to [`MAX_SETTLEMENT_LEVEL`].
    pub level: u32,
    /// 0 to [`MAX_POPULATION`].
    pub population: u32,
    /// World time; only its season matters.
    pub world_time: Timestamp,
}

/// The values of a settlement that nobody writes: they follow from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Computed {
    /// How hard the settlement is to take; 0 or more.
    pub defense: u32,
    /// How well its people live; 0 or more.
    pub prosperity: u32,
    /// How many people it houses and feeds; 0 or more.
    pub capacity: u32,
}

/// The name of a computed value, in the order in which events list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComputedField {
    Defense,
    Prosperity,
    Capacity,
}

impl StructureKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Wall,
        Self::Barracks,
        Self::Tower,
        Self::House,
        Self::Warehouse,
        Self::Farm,
        Self::Market,
        Self::Workshop,
        Self::Temple,
        Self::Harbor,
    ];

    /// Defensive kinds, the strongest first: the order in which people are sent to man them.
    const DEFENSIVE: [Self; 3] = [Self::Wall, Self::Barracks, Self::Tower];

    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wall => "WALL",
            Self::Barracks => "BARRACKS",
            Self::Tower => "TOWER",
            Self::House => "HOUSE",
            Self::Warehouse => "WAREHOUSE",
            Self::Farm => "FARM",
            Self::Market => "MARKET",
            Self::Workshop => "WORKSHOP",
            Self::Temple => "TEMPLE",
            Self::Harbor => "HARBOR",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Defense per manned level.
    const fn defense(self) -> u32 {
        match self {
            Self::Wall => 10,
            Self::Barracks => 8,
            Self::Tower => 6,
            Self::House
            | Self::Warehouse
            | Self::Farm
            | Self::Market
            | Self::Workshop
            | Self::Temple
            | Self::Harbor => 0,
        }
    }

    /// People housed or fed per level.
    const fn capacity(self) -> u32 {
        match self {
            Self::House => 25,
            Self::Warehouse => 10,
            Self::Farm => 5,
            Self::Wall
            | Self::Barracks
            | Self::Tower
            | Self::Market
            | Self::Workshop
            | Self::Temple
            | Self::Harbor => 0,
        }
    }

    /// Prosperity per level. Fields and water give with the season, everything else all year.
    const fn prosperity(self, season: Season) -> u32 {
        match (self, season) {
            (Self::Market, _) => 6,
            (Self::Workshop, _) => 4,
            (Self::Temple, _) => 3,
            (Self::Farm, Season::Spring) => 3,
            (Self::Farm, Season::Summer) => 4,
            (Self::Farm, Season::Autumn) => 6,
            (Self::Farm, Season::Winter) => 1,
            (Self::Harbor, Season::Spring | Season::Summer | Season::Autumn) => 5,
            (Self::Harbor, Season::Winter) => 2,
            (Self::Wall | Self::Barracks | Self::Tower | Self::House | Self::Warehouse, _) => 0,
        }
    }
}

/// The computed values of a settlement with these finished structures.
///
/// * `capacity` = 50 × level, plus 25 a level of house, 10 of warehouse, 5 of farm.
/// * `defense` = 2 × level, plus 10 a manned level of wall, 8 of barracks, 6 of tower. Ten people man
///   one level and go to the strongest first, so another tower never weakens a wall.
/// * `prosperity` = 10 + 2 × level, plus 6 a level of market, 4 of workshop, 3 of temple, and by season
///   3/4/6/1 of farm and 5/5/5/2 of harbor (spring to winter). Where more people live than the
///   capacity allows, it shrinks to capacity ÷ population of that.
pub fn compute(basis: Basis, finished: impl IntoIterator<Item = Finished>) -> Computed {
    let season = Season::of(basis.world_time);
    let mut capacity = basis.level.saturating_mul(50);
    let mut wealth = basis.level.saturating_mul(2).saturating_add(10);
    let mut defensive = [0_u32; StructureKind::DEFENSIVE.len()];
    for Finished { kind, level } in finished {
        capacity = capacity.saturating_add(kind.capacity().saturating_mul(level));
        wealth = wealth.saturating_add(kind.prosperity(season).saturating_mul(level));
        if let Some(row) = StructureKind::DEFENSIVE.iter().position(|other| *other == kind) {
            defensive[row] = defensive[row].saturating_add(level);
        }
    }
    let mut hands = basis.population / GARRISON_PER_LEVEL;
    let mut defense = basis.level.saturating_mul(2);
    for (kind, levels) in StructureKind::DEFENSIVE.into_iter().zip(defensive) {
        let manned = levels.min(hands);
        hands -= manned;
        defense = defense.saturating_add(kind.defense().saturating_mul(manned));
    }
    Computed { defense, prosperity: crowded(wealth, capacity, basis.population), capacity }
}

fn crowded(wealth: u32, capacity: u32, population: u32) -> u32 {
    if population <= capacity {
        return wealth;
    }
    let share = u64::from(wealth) * u64::from(capacity) / u64::from(population);
    u32::try_from(share).unwrap_or(wealth)
}

impl Computed {
    /// The values that differ, in the order of [`ComputedField`].
    pub fn changed(self, after: Self) -> Vec<ComputedField> {
        let differs = |field: &ComputedField| match field {
            ComputedField::Defense => self.defense != after.defense,
            ComputedField::Prosperity => self.prosperity != after.prosperity,
            ComputedField::Capacity => self.capacity != after.capacity,
        };
        ComputedField::ALL.into_iter().filter(differs).collect()
    }
}

impl ComputedField {
    /// Every computed value.
    pub const ALL: [Self; 3] = [Self::Defense, Self::Prosperity, Self::Capacity];

    /// The name in events and in GraphQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defense => "defense",
            Self::Prosperity => "prosperity",
            Self::Capacity => "capacity",
        }
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
