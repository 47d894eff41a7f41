//! What callers may write, with its bounds. A service checks its input before anything else; a
//! mistake is a `bad_request` that names every wrong field as the caller wrote it.

use garde::Validate;
use serde::Serialize;

use super::{
    entity::{MapPosition, Variables},
    rules::StructureKind,
};
use crate::protocol::{
    CampaignId, EntityRef, FieldError, InvalidationScope, Problem, SettlementId, TimeUnit, Timestamp,
};

/// The largest JSON text of an entity's variables, in bytes.
pub const MAX_VARIABLES_BYTES: usize = 16 * 1024;
/// How deep variables may nest.
pub const MAX_VARIABLES_DEPTH: usize = 16;

/// A new campaign; its creator becomes its OWNER.
#[derive(Debug, Clone, PartialEq, Validate)]
pub struct NewCampaign {
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    pub name: String,
    #[garde(length(chars, max = 4000), custom(text))]
    pub description: String,
    /// Where the world's clock starts.
    #[garde(skip)]
    pub world_time: Timestamp,
}

/// What to change about a campaign. `None` leaves a field as it is, here and in every patch.
#[derive(Debug, Clone, Default, PartialEq, Validate)]
pub struct CampaignPatch {
    #[garde(length(chars, min = 1, max = 100), inner(custom(one_line)))]
    pub name: Option<String>,
    #[garde(length(chars, max = 4000), inner(custom(text)))]
    pub description: Option<String>,
}

/// A new settlement.
#[derive(Debug, Clone, PartialEq, Validate)]
pub struct NewSettlement {
    #[garde(skip)]
    pub campaign_id: CampaignId,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    pub name: String,
    #[garde(range(min = 1, max = 20))]
    pub level: i64,
    #[garde(range(min = 0, max = 10_000_000))]
    pub population: i64,
    #[garde(custom(on_map))]
    pub position: MapPosition,
    #[garde(custom(small))]
    pub variables: Variables,
}

/// What to change about a settlement.
#[derive(Debug, Clone, Default, PartialEq, Validate)]
pub struct SettlementPatch {
    #[garde(length(chars, min = 1, max = 100), inner(custom(one_line)))]
    pub name: Option<String>,
    #[garde(range(min = 1, max = 20))]
    pub level: Option<i64>,
    #[garde(range(min = 0, max = 10_000_000))]
    pub population: Option<i64>,
    #[garde(inner(custom(on_map)))]
    pub position: Option<MapPosition>,
    /// Replaces all variables.
    #[garde(inner(custom(small)))]
    pub variables: Option<Variables>,
}

/// A new structure.
#[derive(Debug, Clone, PartialEq, Validate)]
pub struct NewStructure {
    #[garde(skip)]
    pub settlement_id: SettlementId,
    #[garde(length(chars, min = 1, max = 100), custom(one_line))]
    pub name: String,
    #[garde(skip)]
    pub kind: StructureKind,
    #[garde(range(min = 1, max = 10))]
    pub level: i64,
    /// When it will be finished; `None` means that it is.
    #[garde(skip)]
    pub completes_at: Option<Timestamp>,
    #[garde(custom(small))]
    pub variables: Variables,
}

/// What to change about a structure.
#[derive(Debug, Clone, Default, PartialEq, Validate)]
pub struct StructurePatch {
    #[garde(length(chars, min = 1, max = 100), inner(custom(one_line)))]
    pub name: Option<String>,
    #[garde(skip)]
    pub kind: Option<StructureKind>,
    #[garde(range(min = 1, max = 10))]
    pub level: Option<i64>,
    /// `Some(None)` makes it finished without a date.
    #[garde(skip)]
    pub completes_at: Option<Option<Timestamp>>,
    /// Replaces all variables.
    #[garde(inner(custom(small)))]
    pub variables: Option<Variables>,
}

/// How the world's clock should move: forward, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Validate)]
pub enum ClockMove {
    /// To this instant.
    Set(#[garde(skip)] Timestamp),
    /// By this much.
    Advance {
        #[garde(range(min = 1, max = 1_000_000))]
        amount: i64,
        #[garde(skip)]
        unit: TimeUnit,
    },
}

/// What clients should read again.
#[derive(Debug, Clone, PartialEq, Validate, Serialize)]
pub struct Invalidation {
    #[garde(skip)]
    pub scope: InvalidationScope,
    /// For the scope `entity`: which ones. Empty for the scope `campaign`.
    #[garde(length(max = 1000), dive)]
    pub entities: Vec<EntityRef>,
    /// Empty means every derived field.
    #[garde(length(max = 64), inner(length(chars, min = 1, max = 64)))]
    pub fields: Vec<String>,
    #[garde(length(chars, max = 500))]
    pub reason: Option<String>,
}

/// Checks an input.
///
/// # Errors
/// `bad_request` with one detail per wrong field, named in camelCase as on the wire.
pub(crate) fn check<T: Validate<Context = ()>>(input: &T) -> Result<(), Problem> {
    let Err(report) = input.validate() else { return Ok(()) };
    Err(invalid(
        report
            .iter()
            .map(|(path, error)| FieldError {
                field: camel_case(&path.to_string()),
                message: error.to_string(),
            })
            .collect(),
    ))
}

/// A `bad_request` with these details; its sentence lists them.
pub(crate) fn invalid(details: Vec<FieldError>) -> Problem {
    let listed: Vec<_> = details
        .iter()
        .map(|d| if d.field.is_empty() { d.message.clone() } else { format!("{}: {}", d.field, d.message) })
        .collect();
    let mut problem = Problem::bad_request(format!("The input is not valid: {}.", listed.join("; ")));
    problem.details = details;
    problem
}

/// A number that has been checked to lie within a `u32`.
pub(super) fn checked(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

fn camel_case(path: &str) -> String {
    let mut camel = String::with_capacity(path.len());
    let mut upper = false;
    for c in path.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes the context by reference")]
fn one_line(value: &str, context: &()) -> garde::Result {
    if value.chars().any(char::is_control) {
        return Err(garde::Error::new("must not contain control characters"));
    }
    // An empty value is too short already; one mistake is told once.
    if !value.is_empty() && value.trim().is_empty() {
        return Err(garde::Error::new("must not be blank"));
    }
    text(value, context)
}

/// A NUL cannot be stored in PostgreSQL: refused for both databases.
fn text(value: &str, (): &()) -> garde::Result {
    if value.contains('\0') { Err(garde::Error::new("must not contain U+0000")) } else { Ok(()) }
}

fn on_map(value: &MapPosition, (): &()) -> garde::Result {
    const EDGE: f64 = 1_000_000.0;
    // Written so that NaN is refused too.
    if value.x.abs() <= EDGE && value.y.abs() <= EDGE {
        Ok(())
    } else {
        Err(garde::Error::new("x and y must lie between -1000000 and 1000000"))
    }
}

fn small(value: &Variables, (): &()) -> garde::Result {
    let depth = value.values().map(depth).max().unwrap_or(0) + 1;
    if depth > MAX_VARIABLES_DEPTH {
        return Err(garde::Error::new(format!("must not nest deeper than {MAX_VARIABLES_DEPTH} levels")));
    }
    let text = serde_json::to_string(value).map_err(|_| garde::Error::new("must be JSON"))?;
    if text.len() > MAX_VARIABLES_BYTES {
        return Err(garde::Error::new(format!(
            "must be at most {MAX_VARIABLES_BYTES} bytes of JSON, is {}",
            text.len()
        )));
    }
    if text.contains("\\u0000") {
        return Err(garde::Error::new("must not contain U+0000"));
    }
    Ok(())
}

fn depth(value: &serde_json::Value) -> usize {
    use serde_json::Value as V;
    match value {
        V::Null | V::Bool(_) | V::Number(_) | V::String(_) => 0,
        V::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        V::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::EntityKind;

    fn fields(result: Result<(), Problem>) -> Vec<String> {
        let mut fields: Vec<_> = result.unwrap_err().details.into_iter().map(|d| d.field).collect();
        fields.sort();
        fields
    }

    fn settlement() -> NewSettlement {
        NewSettlement {
            campaign_id: CampaignId::from_uuid(uuid::Uuid::nil()),
            name: "Hollowford".into(),
            level: 1,
            population: 0,
            position: MapPosition::default(),
            variables: Variables::new(),
        }
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        assert_eq!(check(&settlement()), Ok(()));
        let position = MapPosition { x: f64::NAN, y: 0.0 };
        let wrong = NewSettlement { name: " ".into(), level: 21, population: -1, position, ..settlement() };
        assert_eq!(fields(check(&wrong)), ["level", "name", "population", "position"]);
    }

    #[test]
    fn fields_are_named_as_on_the_wire() {
        let wrong = Invalidation {
            scope: InvalidationScope::Entity,
            entities: vec![EntityRef { entity_type: EntityKind::Item, entity_id: String::new() }],
            fields: vec![],
            reason: None,
        };
        assert_eq!(fields(check(&wrong)), ["entities[0].entityId"]);
        assert_eq!(camel_case("rooms[2].world_time_at"), "rooms[2].worldTimeAt");
    }

    #[test]
    fn bounds_hold_at_their_edges() {
        let named = |name: String| check(&CampaignPatch { name: Some(name), description: None });
        assert_eq!(named("ä".repeat(100)), Ok(()));
        assert!(named("ä".repeat(101)).is_err());
        assert!(named(String::new()).is_err());
        assert!(named("two\nlines".into()).is_err());
        assert_eq!(check(&ClockMove::Advance { amount: 1, unit: TimeUnit::Hours }), Ok(()));
        assert_eq!(fields(check(&ClockMove::Advance { amount: 0, unit: TimeUnit::Hours })), ["amount"]);
        assert_eq!(check(&ClockMove::Advance { amount: 1_000_000, unit: TimeUnit::Weeks }), Ok(()));
        assert_eq!(
            fields(check(&ClockMove::Advance { amount: 1_000_001, unit: TimeUnit::Days })),
            ["amount"]
        );
    }

    #[test]
    fn variables_are_bounded_in_size_and_depth() {
        let with = |value: serde_json::Value| {
            let variables = Variables::from_iter([("v".to_owned(), value)]);
            check(&SettlementPatch { variables: Some(variables), ..Default::default() })
        };
        assert_eq!(with(json!("x".repeat(16_000))), Ok(()));
        assert_eq!(fields(with(json!("x".repeat(17_000)))), ["variables"]);
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(with(nested(15)), Ok(()));
        assert_eq!(fields(with(nested(16))), ["variables"]);
        assert_eq!(fields(with(json!("nul \u{0}"))), ["variables"]);
    }
}
