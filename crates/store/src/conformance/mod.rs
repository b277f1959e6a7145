//! Test functions every implementation of the ports must pass, and records to test with.
//!
//! An implementation's tests are one line a port: [`crate::store_conformance`] and
//! [`crate::log_conformance`] make a test of each function here, on a fresh store.
// These are test functions that other crates call: they fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

pub mod kv;
pub mod log;
pub mod sample;
pub mod search;

use std::{future::Future, time::Duration};

/// Much longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, not for ever.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// Makes a test of each function of [`kv`]. `$make` is a function from the revisions of history
/// to keep to `(Arc<impl Store>, guard)`.
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::store_conformance!(@ $make;
            reads_what_was_written, makes_all_or_nothing, compares_and_swaps,
            swaps_under_concurrency, lists_by_prefix_in_byte_order, takes_any_text_as_key,
            refuses_what_is_over_a_limit, changes_nothing_without_a_revision,
            watches_in_order_each_once, watches_only_its_prefix, watches_from_the_past,
            watches_slowly, lists_then_watches_without_a_gap, tells_when_history_is_gone, wipes);
    };
    (@ $make:path; $($name:ident),+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (store, _guard) = $make($crate::conformance::kv::HISTORY);
            $crate::conformance::soon($crate::conformance::kv::$name(store)).await;
        }
    )+};
}

/// Makes a test of each function of [`log`] and [`search`]. `$make` is as in
/// [`store_conformance`], for `impl EventLog`.
#[macro_export]
macro_rules! log_conformance {
    ($make:path) => {
        $crate::log_conformance!(@ $make, log;
            keeps_records_whole, ignores_what_it_has, retains, takes_hostile_strings,
            cuts_what_is_too_long, refuses_what_cannot_be_kept, keeps_crowded_and_odd_times,
            appends_concurrently);
        $crate::log_conformance!(@ $make, search;
            filters_by_facets, filters_by_time, shows_both_ends_of_a_conversation, finds_text,
            filters_by_every_operator, reaches_every_field, sorts, pages_by_cursor_and_start,
            counts, bounds_pages, draws_histograms, agrees_with_a_naive_search);
    };
    (@ $make:path, $module:ident; $($name:ident),+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (log, _guard) = $make($crate::conformance::kv::HISTORY);
            $crate::conformance::soon($crate::conformance::$module::$name(log)).await;
        }
    )+};
}
