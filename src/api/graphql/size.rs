//! How large a document is once every fragment stands where it is spread.
//!
//! async-graphql walks through a fragment anew for each of its spreads, more than once, before its limits of
//! depth and complexity say no, and on the way nothing else gets the thread. A document of 700 bytes whose
//! fragments spread each other ten times is billions of fields. Here the size is found without the walk: each
//! fragment is measured once.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use async_graphql::{
    Name, Positioned, Request, ServerError, ServerResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest},
    parser::types::{Directive, ExecutableDocument, Selection, SelectionSet},
};

/// Refuses larger documents before anything walks through them. What counts is every field, fragment,
/// directive and value of an argument.
pub(super) struct SizeLimit(pub usize);

impl ExtensionFactory for SizeLimit {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self(self.0))
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for SizeLimit {
    // The only hook before the library's first walk; that one belongs to its parsing.
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if expanded_size(request.parsed_query()?) > self.0 {
            return Err(ServerError::new("Query is too complex.", None));
        }
        next.run(ctx, request).await
    }
}

/// The size of all definitions together, since fragments are validated where they stand, too, whether or not
/// an operation uses them. `usize::MAX` when a fragment contains itself.
fn expanded_size(document: &ExecutableDocument) -> usize {
    let fragments: HashMap<&str, Part<'_>> = document
        .fragments
        .iter()
        .map(|(name, fragment)| (name.as_str(), Part::of(&fragment.node.selection_set)))
        .collect();
    let sizes = sizes(&fragments);
    if sizes.len() < fragments.len() {
        return usize::MAX;
    }
    let operations =
        document.operations.iter().map(|(_, operation)| Part::of(&operation.node.selection_set).size(&sizes));
    operations.chain(sizes.values().copied()).fold(0, usize::saturating_add)
}

/// The sizes of the fragments, those first that spread no other. One that contains itself has none.
fn sizes<'a>(fragments: &HashMap<&'a str, Part<'a>>) -> HashMap<&'a str, usize> {
    // How many spreads of each are still without a size, and where each is spread.
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut users: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, part) in fragments {
        let known = part.spreads.iter().filter(|spread| fragments.contains_key(*spread));
        open.insert(name, known.clone().count());
        known.for_each(|spread| users.entry(spread).or_default().push(name));
    }
    let mut ready: Vec<&str> = open.iter().filter(|(_, open)| **open == 0).map(|(name, _)| *name).collect();
    let mut sizes = HashMap::with_capacity(fragments.len());
    while let Some((name, part)) = ready.pop().and_then(|name| fragments.get_key_value(name)) {
        sizes.insert(*name, part.size(&sizes));
        for user in users.remove(name).unwrap_or_default() {
            if let Some(open) = open.get_mut(user) {
                *open -= 1;
                if *open == 0 {
                    ready.push(user);
                }
            }
        }
    }
    sizes
}

/// What stands in one definition.
struct Part<'a> {
    /// Its size without the fragments that it spreads.
    own: usize,
    /// Their names, each as often as it is spread.
    spreads: Vec<&'a str>,
}

impl<'a> Part<'a> {
    fn of(set: &'a Positioned<SelectionSet>) -> Self {
        let mut part = Self { own: 0, spreads: Vec::new() };
        part.add(&set.node);
        part
    }

    /// Recurs as deep as the text nests, which the parser bounds.
    fn add(&mut self, set: &'a SelectionSet) {
        for Positioned { node: selection, .. } in &set.items {
            self.own += 1 + selection.directives().iter().map(directive_size).sum::<usize>();
            match selection {
                Selection::Field(field) => {
                    let arguments = field.node.arguments.iter();
                    self.own +=
                        arguments_size(arguments.map(|(_, value)| value.node.clone().into_const_with(null)));
                    self.add(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => self.add(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => self.spreads.push(&spread.node.fragment_name.node),
            }
        }
    }

    /// The size with the fragments. An unknown one has none: validation names it.
    fn size(&self, fragments: &HashMap<&str, usize>) -> usize {
        let spread = self.spreads.iter().filter_map(|name| fragments.get(name)).copied();
        spread.fold(self.own, usize::saturating_add)
    }
}

fn directive_size(directive: &Positioned<Directive>) -> usize {
    let arguments = directive.node.arguments.iter();
    1 + arguments_size(arguments.map(|(_, value)| value.node.clone().into_const_with(null)))
}

fn arguments_size(values: impl Iterator<Item = Result<Value, Infallible>>) -> usize {
    values.map(|Ok(value)| value_size(&value)).sum()
}

/// A variable is one value, whatever it stands for: the walks do not go into it.
fn null(_: Name) -> Result<Value, Infallible> {
    Ok(Value::Null)
}

fn value_size(value: &Value) -> usize {
    1 + match value {
        Value::List(values) => values.iter().map(value_size).sum(),
        Value::Object(fields) => fields.values().map(value_size).sum(),
        Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Boolean(_)
        | Value::Binary(_)
        | Value::Enum(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Item {
        Leaf,
        Field(Vec<Item>),
        Inline(Vec<Item>),
        Spread(usize),
    }

    fn body() -> impl Strategy<Value = Vec<Item>> {
        // Of six fragments; two names are unknown.
        let leaf = prop_oneof![2 => Just(Item::Leaf), 3 => (0..8_usize).prop_map(Item::Spread)];
        let item = leaf.prop_recursive(2, 6, 2, |inner| {
            let some = prop::collection::vec(inner, 1..3);
            prop_oneof![some.clone().prop_map(Item::Field), some.prop_map(Item::Inline)]
        });
        prop::collection::vec(item, 1..4)
    }

    /// The text of a body. With `fragments`, their bodies instead of their names; `None` when that has no end.
    fn text(body: &[Item], fragments: Option<(&[Vec<Item>], usize)>) -> Option<String> {
        let mut written = String::from("{ ");
        for item in body {
            written += &match (item, fragments) {
                (Item::Leaf, _) => "a(x: [1, {y: 2}]) @b(c: 3) ".to_owned(),
                (Item::Field(inner), _) => format!("a {}", text(inner, fragments)?),
                (Item::Inline(inner), _) => format!("... {}", text(inner, fragments)?),
                (Item::Spread(of), Some((all, depth))) if *of < all.len() => {
                    // Who is deeper than there are fragments is in one for the second time.
                    let depth = depth.checked_sub(1)?;
                    format!("... {}", text(&all[*of], Some((all, depth)))?)
                }
                (Item::Spread(of), _) => format!("...F{of} "),
            };
        }
        Some(written + "} ")
    }

    fn size(document: &str) -> usize {
        expanded_size(&parse_query(document).unwrap())
    }

    proptest! {
        #[test]
        fn it_is_what_writing_the_fragments_out_would_give(
            operation in body(),
            fragments in prop::collection::vec(body(), 0..6),
        ) {
            let mut document = format!("query {}", text(&operation, None).unwrap());
            for (n, fragment) in fragments.iter().enumerate() {
                document += &format!("fragment F{n} on T {}", text(fragment, None).unwrap());
            }
            let all = Some((fragments.as_slice(), fragments.len()));
            let written_out = std::iter::once(&operation)
                .chain(&fragments)
                .map(|body| text(body, all).map(|body| size(&body)))
                .sum::<Option<usize>>();
            prop_assert_eq!(size(&document), written_out.unwrap_or(usize::MAX), "{}", document);
        }
    }

    #[test]
    fn what_has_no_end_or_no_number_is_the_largest() {
        let doubling: String =
            (0..100).map(|n| format!("fragment F{n} on T {{ ...F{0} ...F{0} }}", n + 1)).collect();
        assert_eq!(size(&format!("{{ ...F0 }} {doubling} fragment F100 on T {{ a }}")), usize::MAX);
        assert_eq!(size("{ a } fragment F on T { ...F }"), usize::MAX);
        assert_eq!(size("{ ...F ...G } fragment F on T { a }"), 4);
    }
}
