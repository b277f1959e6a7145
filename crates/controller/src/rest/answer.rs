//! How handlers answer: JSON, and lists put through the query.

use super::error::Failure;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use rampart_api::{query::ListQuery, rest::Empty};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// What a handler gives back.
pub(super) type Answer<T> = Result<Json<T>, Failure>;

/// Done; nothing to say.
pub(super) fn done() -> Answer<Empty> {
    Ok(Json(Empty {}))
}

/// Rows that pass the query, of the page asked for, in order.
pub(super) fn pick<T: Serialize + ToSchema>(
    rows: Vec<T>,
    query: &ListQuery,
) -> Result<Vec<T>, Failure> {
    if !query.reads_rows() {
        let page = query.page(rows.len());
        return Ok(rows.into_iter().skip(page.start).take(page.len()).collect());
    }
    let values: Result<Vec<_>, _> = rows.iter().map(serde_json::to_value).collect();
    let values = values.map_err(|error| Failure::invalid(error.to_string()))?;
    let places = query.select(&values, &fields::<T>())?;
    let mut rows: Vec<Option<T>> = rows.into_iter().map(Some).collect();
    Ok(places
        .into_iter()
        .filter_map(|place| rows[place].take())
        .collect())
}

/// An answer whose rows depend on a flag such as `brief`.
pub(super) fn either<A: Serialize, B: Serialize>(
    first: bool,
    a: impl FnOnce() -> Result<A, Failure>,
    b: impl FnOnce() -> Result<B, Failure>,
) -> Result<Response, Failure> {
    Ok(if first {
        Json(a()?).into_response()
    } else {
        Json(b()?).into_response()
    })
}

/// Names a row of `T` can be filtered by: its fields, and those of objects in it.
pub(super) fn fields<T: ToSchema>() -> BTreeSet<String> {
    let mut components = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut components);
    let mut names = BTreeSet::new();
    collect(&T::schema(), &components, &mut names, 1);
    names
}

fn collect(
    schema: &RefOr<Schema>,
    components: &[(String, RefOr<Schema>)],
    names: &mut BTreeSet<String>,
    nested: u8,
) {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference
                .ref_location
                .rsplit('/')
                .next()
                .unwrap_or_default();
            if let Some((_, schema)) = components.iter().find(|(known, _)| known == name) {
                collect(schema, components, names, nested);
            }
        }
        RefOr::T(Schema::AllOf(parts)) => parts
            .items
            .iter()
            .for_each(|part| collect(part, components, names, nested)),
        RefOr::T(Schema::Object(object)) => {
            for (name, schema) in &object.properties {
                names.insert(name.clone());
                if nested > 0 && matches!(schema, RefOr::Ref(_)) {
                    collect(schema, components, names, nested - 1);
                }
            }
        }
        RefOr::T(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_api::rest::{
        policy::PolicyRule,
        workload::{Workload, WorkloadV2},
    };

    #[test]
    fn rows_are_filtered_by_embedded_and_nested_fields() {
        let flat = fields::<Workload>();
        for name in ["name", "domain", "running", "labels", "state"] {
            assert!(flat.contains(name), "{name}");
        }
        let nested = fields::<WorkloadV2>();
        for name in ["brief", "domain", "policy_mode", "exit_code"] {
            assert!(nested.contains(name), "{name}");
        }
        let rules = (1..=5)
            .map(|id| PolicyRule {
                id,
                ..PolicyRule::default()
            })
            .collect();
        let query = ListQuery::parse("f_id=gte,2&s_id=desc&limit=2").unwrap();
        let ids: Vec<u32> = pick::<PolicyRule>(rules, &query)
            .unwrap()
            .iter()
            .map(|r| r.id)
            .collect();
        assert_eq!(ids, [5, 4]);
    }
}
