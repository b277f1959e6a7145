//! What is known of a vulnerability, as it is kept: a head that matching needs for every finding,
//! a text that only showing needs, and the exploit prediction that changes daily.
//!
//! Limits: texts are cut at [`MAX_DESCRIPTION`] and lists at [`MAX_LIST`] items when written.

use super::code::{Malformed, Reader, put_len, put_str, put_strings, put_time, put_u64, read_time};
use crate::advisory::Record;
use rampart_model::scan::{Cvss, Epss, KnownExploited, Severity};

pub(crate) const MAX_DESCRIPTION: usize = 16 << 10;
pub(crate) const MAX_TITLE: usize = 1024;
pub(crate) const MAX_LIST: usize = 64;
const MAX_ITEM: usize = 1024;

/// Brings a record within the limits above.
pub(crate) fn bound(record: &mut Record) {
    cut(&mut record.title, MAX_TITLE);
    cut(&mut record.description, MAX_DESCRIPTION);
    for list in [
        &mut record.aliases,
        &mut record.cwes,
        &mut record.references,
    ] {
        list.retain(|item| !item.is_empty() && item.len() <= MAX_ITEM);
        list.truncate(MAX_LIST);
    }
    record
        .severities
        .retain(|(source, _)| source.len() <= MAX_ITEM);
    record.severities.truncate(MAX_LIST);
    record
        .cvss
        .retain(|cvss| cvss.vector.len() <= MAX_ITEM && cvss.source.len() <= MAX_ITEM);
    record.cvss.truncate(MAX_LIST);
    cut(&mut record.published, 64);
    cut(&mut record.modified, 64);
    if let Some(known) = &mut record.known_exploited {
        cut(&mut known.added, 64);
        cut(&mut known.due, 64);
    }
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let mut end = most - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

const EXPLOITED: u8 = 1;
const RANSOMWARE: u8 = 2;

pub(crate) fn write_head(record: &Record) -> Vec<u8> {
    let mut out = Vec::new();
    let known = record.known_exploited.as_ref();
    out.push(known.map_or(0, |known| {
        EXPLOITED | if known.ransomware { RANSOMWARE } else { 0 }
    }));
    if let Some(known) = known {
        put_str(&mut out, &known.added);
        put_str(&mut out, &known.due);
    }
    put_strings(&mut out, &record.aliases);
    put_len(&mut out, record.severities.len());
    for (source, severity) in &record.severities {
        put_str(&mut out, source);
        put_len(
            &mut out,
            Severity::ALL
                .iter()
                .position(|s| s == severity)
                .unwrap_or_default(),
        );
    }
    put_len(&mut out, record.cvss.len());
    for cvss in &record.cvss {
        put_str(&mut out, &cvss.source);
        put_str(&mut out, &cvss.version);
        put_str(&mut out, &cvss.vector);
        out.push(cvss.score_tenths);
    }
    put_strings(&mut out, &record.cwes);
    put_time(&mut out, &record.published);
    put_time(&mut out, &record.modified);
    put_str(&mut out, &record.feed);
    out
}

/// Everything but text and prediction.
pub(crate) fn read_head(id: String, bytes: &[u8]) -> Result<Record, Malformed> {
    let mut reader = Reader::new(bytes);
    let flags = reader.u8()?;
    let known_exploited = match flags & EXPLOITED {
        0 => None,
        _ => Some(KnownExploited {
            added: reader.string()?,
            due: reader.string()?,
            ransomware: flags & RANSOMWARE != 0,
        }),
    };
    let aliases = reader.strings()?;
    let mut severities = Vec::new();
    for _ in 0..reader.count(2)? {
        let source = reader.string()?;
        severities.push((
            source,
            *Severity::ALL.get(reader.index()?).ok_or(Malformed)?,
        ));
    }
    let mut cvss = Vec::new();
    for _ in 0..reader.count(4)? {
        cvss.push(Cvss {
            source: reader.string()?,
            version: reader.string()?,
            vector: reader.string()?,
            score_tenths: reader.u8()?,
        });
    }
    Ok(Record {
        id,
        aliases,
        severities,
        cvss,
        known_exploited,
        cwes: reader.strings()?,
        published: read_time(&mut reader)?,
        modified: read_time(&mut reader)?,
        feed: reader.string()?,
        ..Record::default()
    })
}

/// `None` if there is nothing to say.
pub(crate) fn write_text(record: &Record) -> Option<Vec<u8>> {
    if record.title.is_empty() && record.description.is_empty() && record.references.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    put_str(&mut out, &record.title);
    put_str(&mut out, &record.description);
    put_strings(&mut out, &record.references);
    Some(out)
}

/// What a page of texts holds for one id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) references: Vec<String>,
}

pub(crate) fn read_text(bytes: &[u8]) -> Result<Text, Malformed> {
    let mut reader = Reader::new(bytes);
    Ok(Text {
        title: reader.string()?,
        description: reader.string()?,
        references: reader.strings()?,
    })
}

pub(crate) fn write_epss(epss: Epss) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, u64::from(epss.probability_ppm));
    put_u64(&mut out, u64::from(epss.percentile_ppm));
    out
}

pub(crate) fn read_epss(bytes: &[u8]) -> Result<Epss, Malformed> {
    let mut reader = Reader::new(bytes);
    Ok(Epss {
        probability_ppm: reader.u32()?,
        percentile_ppm: reader.u32()?,
    })
}

/// Feeds whose word on a vulnerability in general goes first. Those not listed follow by name.
const RANK: &[&str] = &[
    "ghsa",
    "rustsec",
    "go",
    "pypa",
    "osv",
    "nvd",
    "cve",
    "redhat",
    "ubuntu",
    "debian",
    "suse",
    "alma",
    "almalinux",
    "rocky",
    "oracle",
    "amazon",
];

pub(crate) fn rank(feed: &str) -> usize {
    RANK.iter()
        .position(|&name| name == feed)
        .unwrap_or(RANK.len())
}

/// One record of what several feeds say of the same id: texts of the first that has one, lists of
/// all, without doubles.
pub(crate) fn merge(id: &str, mut records: Vec<&Record>) -> Record {
    records.sort_by(|a, b| {
        (rank(&a.feed), &a.feed)
            .cmp(&(rank(&b.feed), &b.feed))
            .then_with(|| b.modified.cmp(&a.modified))
            .then_with(|| a.id.cmp(&b.id))
            .then_with(|| format!("{a:?}").cmp(&format!("{b:?}")))
    });
    let mut merged = Record {
        id: id.to_owned(),
        ..Record::default()
    };
    for record in records {
        first(&mut merged.title, &record.title);
        first(&mut merged.description, &record.description);
        first(&mut merged.feed, &record.feed);
        if merged.published.is_empty()
            || !record.published.is_empty() && record.published < merged.published
        {
            merged.published.clone_from(&record.published);
        }
        if record.modified > merged.modified {
            merged.modified.clone_from(&record.modified);
        }
        for severity in &record.severities {
            if !merged
                .severities
                .iter()
                .any(|(source, _)| *source == severity.0)
            {
                merged.severities.push(severity.clone());
            }
        }
        for cvss in &record.cvss {
            let same = |has: &Cvss| has.source == cvss.source && has.version == cvss.version;
            if !merged.cvss.iter().any(same) {
                merged.cvss.push(cvss.clone());
            }
        }
        add_all(&mut merged.cwes, &record.cwes);
        add_all(&mut merged.references, &record.references);
        if merged.known_exploited.is_none() {
            merged.known_exploited.clone_from(&record.known_exploited);
        }
    }
    merged
}

fn first(into: &mut String, from: &str) {
    if into.is_empty() {
        into.push_str(from);
    }
}

fn add_all(into: &mut Vec<String>, from: &[String]) {
    for item in from {
        if into.len() < MAX_LIST && !into.contains(item) {
            into.push(item.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            id: "CVE-2024-0001".into(),
            aliases: vec!["GHSA-a".into()],
            title: "T".into(),
            description: "D".into(),
            severities: vec![("ghsa".into(), Severity::High)],
            cvss: vec![Cvss {
                source: "nvd".into(),
                version: "3.1".into(),
                vector: "CVSS:3.1/…".into(),
                score_tenths: 98,
            }],
            cwes: vec!["CWE-79".into()],
            references: vec!["https://example.org".into()],
            published: "2024-01-01T00:00:00Z".into(),
            modified: "2024-01-02".into(),
            known_exploited: Some(KnownExploited {
                added: "2024-01-03".into(),
                due: "2024-02-03".into(),
                ransomware: true,
            }),
            feed: "ghsa".into(),
            ..Record::default()
        }
    }

    #[test]
    fn a_record_comes_back_from_head_and_text() {
        let record = record();
        let mut read = read_head(record.id.clone(), &write_head(&record)).unwrap();
        let text = read_text(&write_text(&record).unwrap()).unwrap();
        (read.title, read.description, read.references) =
            (text.title, text.description, text.references);
        assert_eq!(read, record);
        assert_eq!(write_text(&Record::default()), None);
        let epss = Epss {
            probability_ppm: 943_210,
            percentile_ppm: 999_999,
        };
        assert_eq!(read_epss(&write_epss(epss)), Ok(epss));
    }

    #[test]
    fn feeds_are_merged_by_rank_whatever_their_order() {
        let ghsa = record();
        let nvd = Record {
            title: String::new(),
            description: "NVD's".into(),
            severities: vec![
                ("nvd".into(), Severity::Critical),
                ("ghsa".into(), Severity::Low),
            ],
            cwes: vec!["CWE-79".into(), "CWE-80".into()],
            published: "2023-12-31T00:00:00Z".into(),
            modified: "2025".into(),
            feed: "nvd".into(),
            ..Record::default()
        };
        let one = merge("CVE-2024-0001", vec![&ghsa, &nvd]);
        assert_eq!(one, merge("CVE-2024-0001", vec![&nvd, &ghsa]));
        assert_eq!((one.title.as_str(), one.description.as_str()), ("T", "D"));
        assert_eq!(
            (one.published.as_str(), one.modified.as_str()),
            ("2023-12-31T00:00:00Z", "2025")
        );
        assert_eq!(
            one.severities,
            [
                ("ghsa".into(), Severity::High),
                ("nvd".into(), Severity::Critical)
            ]
        );
        assert_eq!(one.cwes, ["CWE-79", "CWE-80"]);
        assert!(one.known_exploited.is_some_and(|known| known.ransomware));
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut record = Record {
            description: "é".repeat(MAX_DESCRIPTION),
            references: vec![String::from("r"); 100],
            ..Record::default()
        };
        bound(&mut record);
        assert!(record.description.len() <= MAX_DESCRIPTION && record.description.ends_with("é…"));
        assert_eq!(record.references.len(), MAX_LIST);
    }
}
