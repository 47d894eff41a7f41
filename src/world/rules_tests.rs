//! Examples that pin the numbers, and properties that hold for every settlement.

use proptest::prelude::*;

use super::*;

const SPRING: &str = "1372-04-10T12:00:00.000Z";
const WINTER: &str = "1372-01-10T12:00:00.000Z";

fn basis(level: u32, population: u32, at: &str) -> Basis {
    Basis { level, population, world_time: at.parse().unwrap() }
}

fn built(kind: StructureKind, level: u32) -> Finished {
    Finished { kind, level }
}

#[test]
fn an_empty_settlement_has_the_values_of_its_level() {
    let computed = compute(basis(3, 100, SPRING), []);
    assert_eq!(computed, Computed { defense: 6, prosperity: 16, capacity: 150 });
}

#[test]
fn each_kind_of_structure_adds_its_own_number() {
    use StructureKind as K;
    let alone = |kind, at| compute(basis(1, 50, at), [built(kind, 2)]);
    let none = compute(basis(1, 50, SPRING), []);
    let added = |kind, at| {
        let some = alone(kind, at);
        (some.defense - none.defense, some.prosperity - none.prosperity, some.capacity - none.capacity)
    };
    assert_eq!(added(K::Wall, SPRING), (20, 0, 0));
    assert_eq!(added(K::Barracks, SPRING), (16, 0, 0));
    assert_eq!(added(K::Tower, SPRING), (12, 0, 0));
    assert_eq!(added(K::House, SPRING), (0, 0, 50));
    assert_eq!(added(K::Warehouse, SPRING), (0, 0, 20));
    assert_eq!(added(K::Farm, SPRING), (0, 6, 10));
    assert_eq!(added(K::Farm, WINTER), (0, 2, 10));
    assert_eq!(added(K::Market, SPRING), (0, 12, 0));
    assert_eq!(added(K::Workshop, SPRING), (0, 8, 0));
    assert_eq!(added(K::Temple, SPRING), (0, 6, 0));
    assert_eq!(added(K::Harbor, SPRING), (0, 10, 0));
    assert_eq!(added(K::Harbor, WINTER), (0, 4, 0));
}

#[test]
fn walls_need_people_and_the_strongest_are_manned_first() {
    use StructureKind as K;
    let defense = |population, finished: &[Finished]| {
        compute(basis(1, population, SPRING), finished.iter().copied()).defense
    };
    let both = [built(K::Tower, 2), built(K::Wall, 3)];
    assert_eq!(defense(0, &both), 2);
    assert_eq!(defense(29, &both), 2 + 20, "two walls manned");
    assert_eq!(defense(40, &both), 2 + 30 + 6, "three walls, then one tower");
    assert_eq!(defense(1_000, &both), 2 + 30 + 12);
}

#[test]
fn crowding_shares_the_prosperity_out() {
    let prosperity = |population| compute(basis(2, population, SPRING), []).prosperity;
    assert_eq!(prosperity(100), 14);
    assert_eq!(prosperity(101), 13);
    assert_eq!(prosperity(200), 7);
    assert_eq!(prosperity(MAX_POPULATION), 0);
}

#[test]
fn changed_names_exactly_what_differs() {
    let before = Computed { defense: 1, prosperity: 2, capacity: 3 };
    assert_eq!(before.changed(before), []);
    assert_eq!(
        before.changed(Computed { defense: 9, prosperity: 2, capacity: 9 }),
        [ComputedField::Defense, ComputedField::Capacity]
    );
    assert_eq!(before.changed(Computed { prosperity: 9, ..before }), [ComputedField::Prosperity]);
}

#[test]
fn names_read_back() {
    for kind in StructureKind::ALL {
        assert_eq!(StructureKind::from_name(kind.name()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    assert_eq!(StructureKind::from_name("wall"), None);
}

fn any_basis() -> impl Strategy<Value = Basis> {
    (1..=MAX_SETTLEMENT_LEVEL, 0..=MAX_POPULATION, 0..4_000_000_000_000_i64).prop_map(
        |(level, population, millis)| Basis {
            level,
            population,
            world_time: Timestamp::from_millis(millis).unwrap(),
        },
    )
}

fn any_structure() -> impl Strategy<Value = Finished> {
    (prop::sample::select(StructureKind::ALL.to_vec()), 1..=MAX_STRUCTURE_LEVEL)
        .prop_map(|(kind, level)| Finished { kind, level })
}

proptest! {
    /// Nothing that is built makes a settlement poorer, weaker or smaller.
    #[test]
    fn building_never_hurts(
        basis in any_basis(),
        finished in prop::collection::vec(any_structure(), 0..40),
        more in any_structure(),
    ) {
        let before = compute(basis, finished.iter().copied());
        let after = compute(basis, finished.iter().copied().chain([more]));
        prop_assert!(after.defense >= before.defense);
        prop_assert!(after.prosperity >= before.prosperity);
        prop_assert!(after.capacity >= before.capacity);
    }

    /// The order in which structures are read from a database must not matter.
    #[test]
    fn order_does_not_matter(
        basis in any_basis(),
        (finished, shuffled) in prop::collection::vec(any_structure(), 0..40)
            .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
    ) {
        prop_assert_eq!(compute(basis, finished), compute(basis, shuffled));
    }

    /// More people never weaken the defense and never raise the capacity or the prosperity.
    #[test]
    fn people_defend_and_crowd(
        basis in any_basis(),
        fewer in 0..=MAX_POPULATION,
        finished in prop::collection::vec(any_structure(), 0..40),
    ) {
        let small = compute(Basis { population: fewer.min(basis.population), ..basis }, finished.iter().copied());
        let large = compute(Basis { population: fewer.max(basis.population), ..basis }, finished.iter().copied());
        prop_assert!(large.defense >= small.defense);
        prop_assert!(large.prosperity <= small.prosperity);
        prop_assert_eq!(large.capacity, small.capacity);
    }

    /// World time matters through its season only: services may skip the work within one season.
    #[test]
    fn within_a_season_nothing_changes(
        basis in any_basis(),
        later in 0..4_000_000_000_000_i64,
        finished in prop::collection::vec(any_structure(), 0..40),
    ) {
        let other = Basis { world_time: Timestamp::from_millis(later).unwrap(), ..basis };
        if Season::of(basis.world_time) == Season::of(other.world_time) {
            prop_assert_eq!(compute(basis, finished.iter().copied()), compute(other, finished));
        } else {
            let (before, after) = (compute(basis, finished.iter().copied()), compute(other, finished));
            prop_assert_eq!(before.defense, after.defense);
            prop_assert_eq!(before.capacity, after.capacity);
        }
    }

    /// The largest world that the limits allow still computes exactly, without reaching the ends of the type.
    #[test]
    fn the_limits_cannot_overflow(basis in any_basis(), kind in prop::sample::select(StructureKind::ALL.to_vec())) {
        let all = std::iter::repeat_n(Finished { kind, level: MAX_STRUCTURE_LEVEL }, 10_000);
        let computed = compute(basis, all);
        prop_assert!(computed.capacity <= 50 * MAX_SETTLEMENT_LEVEL + 25 * MAX_STRUCTURE_LEVEL * 10_000);
        prop_assert!(computed.defense <= 2 * MAX_SETTLEMENT_LEVEL + 10 * MAX_STRUCTURE_LEVEL * 10_000);
    }
}
