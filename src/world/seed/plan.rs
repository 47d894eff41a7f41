//! What the demo world consists of.

use StructureKind as K;

use crate::{protocol::Role, world::rules::StructureKind};

/// The demo users: id (a token's `sub`) and name.
pub const USERS: &[(&str, &str)] = &[("ada", "Ada"), ("ben", "Ben"), ("cyd", "Cyd"), ("dan", "Dan")];

/// A campaign of the demo world.
pub struct PlannedCampaign {
    pub name: &'static str,
    pub description: &'static str,
    /// Where its clock starts.
    pub world_time: &'static str,
    pub owner: &'static str,
    pub members: &'static [(&'static str, Role)],
    pub settlements: &'static [PlannedSettlement],
}

/// A settlement of the demo world.
pub struct PlannedSettlement {
    pub name: &'static str,
    pub terrain: &'static str,
    pub level: i64,
    pub population: i64,
    pub x: f64,
    pub y: f64,
    pub structures: &'static [PlannedStructure],
}

/// Name, kind, level, and when it will be finished.
pub type PlannedStructure = (&'static str, StructureKind, i64, Option<&'static str>);

/// The demo campaigns.
pub const CAMPAIGNS: &[PlannedCampaign] = &[
    PlannedCampaign {
        name: "The Shattered Coast",
        description: "Six towns on a broken shore, a sea that gives and takes, and a spring to build in.",
        world_time: "1372-04-10T08:00:00.000Z",
        owner: "ada",
        members: &[("ben", Role::Gm), ("cyd", Role::Player), ("dan", Role::Viewer)],
        settlements: COAST,
    },
    PlannedCampaign {
        name: "The Northern Marches",
        description: "Six holds below the ice, and an autumn that is shorter every year.",
        world_time: "1372-10-10T08:00:00.000Z",
        owner: "ben",
        members: &[("ada", Role::Gm), ("dan", Role::Player)],
        settlements: MARCHES,
    },
];

const COAST: &[PlannedSettlement] = &[
    PlannedSettlement {
        name: "Hollowford",
        terrain: "river",
        level: 5,
        population: 420,
        x: 12.5,
        y: -3.0,
        structures: &[
            ("Ford Wall", K::Wall, 3, None),
            ("Miller's Row", K::House, 4, None),
            ("Low Fields", K::Farm, 3, None),
            ("Ford Market", K::Market, 2, None),
            ("Bridge Tower", K::Tower, 1, Some("1372-04-10T20:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Saltmere",
        terrain: "coast",
        level: 7,
        population: 980,
        x: -48.0,
        y: 20.0,
        structures: &[
            ("Sea Gate", K::Wall, 4, None),
            ("Long Quay", K::Harbor, 3, None),
            ("Fishers' Houses", K::House, 6, None),
            ("Salt Store", K::Warehouse, 3, None),
            ("Lighthouse", K::Tower, 2, Some("1372-04-12T06:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Greyspire",
        terrain: "mountain",
        level: 4,
        population: 150,
        x: 60.0,
        y: 75.5,
        structures: &[
            ("Spire Keep", K::Tower, 5, None),
            ("Garrison", K::Barracks, 2, None),
            ("Miners' Lodge", K::House, 2, None),
            ("Ore Hall", K::Warehouse, 2, None),
            ("Upper Forge", K::Workshop, 2, Some("1372-05-01T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Thornwick",
        terrain: "forest",
        level: 3,
        population: 95,
        x: -15.0,
        y: 44.0,
        structures: &[
            ("Palisade", K::Wall, 1, None),
            ("Wood Hall", K::Workshop, 2, None),
            ("Clearing", K::Farm, 2, None),
            ("Crofts", K::House, 2, None),
            ("Shrine of Leaves", K::Temple, 1, Some("1372-04-17T12:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Emberfall",
        terrain: "volcanic",
        level: 6,
        population: 640,
        x: 33.0,
        y: -58.0,
        structures: &[
            ("Basalt Wall", K::Wall, 5, None),
            ("Glassworks", K::Workshop, 4, None),
            ("Ash Gardens", K::Farm, 2, None),
            ("Terraces", K::House, 5, None),
            ("Fire Temple", K::Temple, 2, Some("1372-06-21T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Last Harbor",
        terrain: "island",
        level: 2,
        population: 60,
        x: -120.0,
        y: -90.0,
        structures: &[
            ("Jetty", K::Harbor, 1, None),
            ("Net Sheds", K::Warehouse, 1, None),
            ("Cottages", K::House, 1, None),
            ("Kale Yards", K::Farm, 1, None),
            ("Watch Hut", K::Tower, 1, Some("1372-04-10T14:00:00.000Z")),
        ],
    },
];

const MARCHES: &[PlannedSettlement] = &[
    PlannedSettlement {
        name: "Frostgate",
        terrain: "pass",
        level: 8,
        population: 720,
        x: 0.0,
        y: 180.0,
        structures: &[
            ("Gate of Ice", K::Wall, 8, None),
            ("North Barracks", K::Barracks, 5, None),
            ("Hearth Houses", K::House, 5, None),
            ("Winter Stores", K::Warehouse, 5, None),
            ("Outer Beacon", K::Tower, 3, Some("1372-11-02T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Karr Hollow",
        terrain: "valley",
        level: 4,
        population: 260,
        x: 25.0,
        y: 150.0,
        structures: &[
            ("Ring Wall", K::Wall, 2, None),
            ("Sheep Runs", K::Farm, 4, None),
            ("Turf Houses", K::House, 3, None),
            ("Wool Market", K::Market, 2, None),
            ("Weavers' Hall", K::Workshop, 2, Some("1372-10-15T08:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Stonewatch",
        terrain: "hill",
        level: 5,
        population: 310,
        x: -40.0,
        y: 165.0,
        structures: &[
            ("Watchtower", K::Tower, 6, None),
            ("Drill Yard", K::Barracks, 3, None),
            ("Quarry", K::Workshop, 3, None),
            ("Masons' Row", K::House, 4, None),
            ("Hill Temple", K::Temple, 2, Some("1372-12-01T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Mirefen",
        terrain: "swamp",
        level: 2,
        population: 110,
        x: 70.0,
        y: 120.0,
        structures: &[
            ("Causeway Gate", K::Wall, 1, None),
            ("Peat Sheds", K::Warehouse, 2, None),
            ("Stilt Houses", K::House, 2, None),
            ("Eel Ponds", K::Farm, 2, None),
            ("Reed Market", K::Market, 1, Some("1372-10-20T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Whitewater",
        terrain: "river",
        level: 6,
        population: 540,
        x: -85.0,
        y: 110.0,
        structures: &[
            ("River Wall", K::Wall, 3, None),
            ("Upper Harbor", K::Harbor, 2, None),
            ("Barge Yards", K::Workshop, 3, None),
            ("Row Houses", K::House, 6, None),
            ("Toll Market", K::Market, 3, Some("1372-10-12T00:00:00.000Z")),
        ],
    },
    PlannedSettlement {
        name: "Elder's Rest",
        terrain: "plain",
        level: 3,
        population: 180,
        x: 15.0,
        y: 95.0,
        structures: &[
            ("Old Wall", K::Wall, 1, None),
            ("Barley Fields", K::Farm, 5, None),
            ("Long House", K::House, 3, None),
            ("Elders' Temple", K::Temple, 3, None),
            ("Granary", K::Warehouse, 3, Some("1372-10-18T00:00:00.000Z")),
        ],
    },
];
