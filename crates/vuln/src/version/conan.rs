//! Conan: items between dots, then a pre-release after `-` and a build after `+`.
//!
//! An item is a number with text behind it (`1w`), compared in that order; one without a number
//! comes after those with one. Items left out count as zero.

use super::part::{digits, number};
use std::cmp::Ordering;

/// Items, pre-release, build.
fn split(version: &str) -> (&str, Option<&str>, Option<&str>) {
    let version = version.trim();
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    match rest.split_once('-') {
        Some((items, pre)) => (items, Some(pre), build),
        None => (rest, None, build),
    }
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    if split(version).0.is_empty() {
        return Err("nothing stands before its pre-release or build");
    }
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    items(a.0, b.0)
        .then_with(|| match (a.1, b.1) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => items(a, b),
        })
        .then_with(|| match (a.2, b.2) {
            (Some(a), Some(b)) => items(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

fn items(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => item(a.unwrap_or("0").as_bytes(), b.unwrap_or("0").as_bytes()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn item(a: &[u8], b: &[u8]) -> Ordering {
    let ((a_digits, a_text), (b_digits, b_text)) = (digits(a), digits(b));
    b_digits
        .is_empty()
        .cmp(&a_digits.is_empty())
        .reverse()
        .then_with(|| number(a_digits, b_digits))
        .then_with(|| a_text.cmp(b_text))
}
