//! Looking into the database without a package at hand: by id, alias, advisory or name, and all
//! rows in order.

use super::{Database, DbError, Strings, header::TableId, malformed, row, table::PageView};
use crate::advisory::{Advisory, Bucket};
use rampart_model::PackageKind;
use std::str::FromStr;

/// What a text stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Names of the vulnerabilities it is, or that an advisory of this id speaks of.
    pub vulnerabilities: Vec<String>,
    /// Packages of this name with rows, and their rows' number.
    pub packages: Vec<(Bucket, String, usize)>,
}

impl Database {
    /// By CVE, alias, advisory (any case) or a package's exact name.
    pub fn search(&self, text: &str) -> Result<Found, DbError> {
        let text = text.trim();
        let mut found = Found::default();
        for id in [text.to_owned(), text.to_ascii_uppercase(), ghsa_case(text)] {
            if self.find(TableId::Heads, id.as_bytes())?.is_some() {
                found.vulnerabilities.push(id.clone());
            }
            found.vulnerabilities.extend(self.resolve(&id)?);
        }
        found.vulnerabilities.sort();
        found.vulnerabilities.dedup();
        let mut strings = Strings::default();
        for bucket in &self.info().buckets {
            let groups = self.rows_of(&bucket.name, text, &mut strings)?;
            let mut rows = 0;
            for group in &groups {
                group
                    .each_id(&strings, |_| rows += 1)
                    .map_err(|_| DbError::corrupt("rows of a package"))?;
            }
            if let Some(bucket) = bucket_of(&bucket.name).filter(|_| rows > 0) {
                found.packages.push((bucket, text.to_owned(), rows));
            }
        }
        Ok(found)
    }

    /// Every row that speaks of a vulnerability, by any of its ids. Reads all row pages.
    pub fn rows_about(&self, id: &str) -> Result<Vec<Advisory>, DbError> {
        let mut names = self.resolve(id)?;
        names.push(id.to_owned());
        let mut found = Vec::new();
        self.each_row(|advisory| {
            if names.contains(&advisory.id) {
                found.push(advisory);
            }
        })?;
        Ok(found)
    }

    /// Calls with every row, sorted by bucket, package and what it says.
    pub fn each_row(&self, mut with: impl FnMut(Advisory)) -> Result<(), DbError> {
        let mut strings = Strings::default();
        let mut rows = Vec::new();
        for at in self.head.table(TableId::Rows) {
            let page = PageView::new(self.page(at)?).map_err(malformed(at))?;
            for index in 0..page.len() {
                let (key, value) = page.at(index).map_err(malformed(at))?;
                let key = std::str::from_utf8(&key)
                    .ok()
                    .and_then(|key| key.split_once('\0'));
                let (bucket, package) = key.ok_or_else(|| DbError::corrupt("key of a package"))?;
                let bucket =
                    bucket_of(bucket).ok_or_else(|| DbError::corrupt("name of a bucket"))?;
                for group in row::read(value, &mut strings).map_err(malformed(at))? {
                    self.expand(&bucket, package, &group, &strings, &mut rows)?;
                }
                rows.drain(..).for_each(&mut with);
            }
        }
        Ok(())
    }
}

/// `GHSA-` ids are lower case after the prefix.
fn ghsa_case(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    lower
        .strip_prefix("ghsa-")
        .map_or(lower.clone(), |rest| format!("GHSA-{rest}"))
}

/// The bucket that displays as `name`.
pub(crate) fn bucket_of(name: &str) -> Option<Bucket> {
    let Some(os) = name.strip_prefix("os/") else {
        return PackageKind::from_str(name).ok().map(Bucket::Language);
    };
    let mut parts = os.splitn(3, '/');
    Some(Bucket::Os {
        family: parts.next()?.to_owned(),
        release: parts.next()?.to_owned(),
        channel: parts.next().unwrap_or_default().to_owned(),
    })
}
