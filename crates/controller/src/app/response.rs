//! Response rules: the list, and what is done about each record before it is kept.
//!
//! A record is acted on once: one that is kept already, or was suppressed lately, does nothing when
//! its batch comes again. What users did, and what response rules did, is never suppressed. Matches
//! are counted since the controller started. Limits: [`MAX_RULES`] rules; the last [`REMEMBERED`]
//! suppressed records are known again.

use super::{App, Draft, State, activity, lock, name, state::Hits};
use crate::{AppError, agent};
use rampart_model::{
    ConfigSource, GroupName, LogBody, LogLevel, LogRecord, ResponseAction, ResponseRule, RuleId,
    Timestamp, WorkloadId,
};
use rampart_policy::response::{self, Facts};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

const MAX_RULES: usize = 1_000;
/// Suppressed records are in no log to be found in.
const REMEMBERED: usize = 16_384;
/// How the reason of a quarantine by a rule begins; its number follows.
const BY_RULE: &str = "response rule ";

/// What the rules did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseTotals {
    pub matched: u64,
    pub quarantined: u64,
    pub suppressed: u64,
    pub failed: u64,
}

/// A rule, and how often it matched since the start.
#[derive(Clone, Debug, Default)]
pub struct ResponseView {
    pub rule: ResponseRule,
    pub matched: u64,
    pub last_match_at: Timestamp,
}

/// A change of the list. `after`: `Some(0)` is first, `None` last.
#[derive(Clone, Debug)]
pub enum ResponseEdit {
    Insert {
        after: Option<u32>,
        rules: Vec<ResponseRule>,
    },
    Move {
        after: Option<u32>,
        id: RuleId,
    },
    Update(Box<ResponseRule>),
    Delete(Vec<RuleId>),
}

#[derive(Debug, Default)]
pub(crate) struct Responses {
    totals: ResponseTotals,
    hits: HashMap<RuleId, Hits>,
    suppressed: VecDeque<String>,
    known: HashSet<String>,
}

impl Responses {
    fn remember(&mut self, uid: &str) {
        if self.known.insert(uid.to_owned()) {
            self.suppressed.push_back(uid.to_owned());
        }
        if self.suppressed.len() > REMEMBERED
            && let Some(oldest) = self.suppressed.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// To be cut off from the network, and the rule and event that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quarantine {
    workload: Option<WorkloadId>,
    rule: RuleId,
    event: String,
}

/// What the rules leave of some records.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    pub(crate) keep: Vec<LogRecord>,
    pub(crate) quarantine: Vec<Quarantine>,
}

/// What a record is about: a container with its groups, or neither.
type Subject = (Option<WorkloadId>, Vec<GroupName>);

impl App {
    /// In order.
    pub fn response_rules(&self) -> Vec<ResponseView> {
        let responses = lock(&self.0.responses);
        self.read(|state| {
            let view = |rule: &ResponseRule| {
                let hits = responses.hits.get(&rule.id).copied().unwrap_or_default();
                ResponseView {
                    rule: rule.clone(),
                    matched: hits.count,
                    last_match_at: hits.last,
                }
            };
            state.responses.value.iter().map(view).collect()
        })
    }

    pub fn response_rule(&self, id: RuleId) -> Result<ResponseView, AppError> {
        let mut all = self.response_rules();
        let at = all.iter().position(|view| view.rule.id == id);
        at.map(|at| all.swap_remove(at)).ok_or_else(|| missing(id))
    }

    pub fn response_totals(&self) -> ResponseTotals {
        lock(&self.0.responses).totals
    }

    /// Changes the list: all of the edit or nothing.
    pub async fn edit_responses(&self, edit: ResponseEdit) -> Result<(), AppError> {
        let now = self.now();
        let writer = self.writer().await;
        let list = self.read(|state| edited(state, edit, now))?;
        let draft = Draft {
            responses: Some(list),
            ..Draft::default()
        };
        writer.commit(draft).await
    }

    /// The rule that cut a container off, if one did.
    pub fn quarantined_by(reason: &str) -> Option<RuleId> {
        let digits = reason.strip_prefix(BY_RULE)?.split(':').next()?;
        digits.parse().ok().map(RuleId)
    }

    /// Puts records to the rules.
    pub(crate) async fn answer(&self, records: Vec<LogRecord>) -> Result<Answered, AppError> {
        let rules = self.read(|state| state.responses.value.clone());
        if rules.iter().all(|rule| rule.disabled) {
            return Ok(Answered {
                keep: records,
                quarantine: Vec::new(),
            });
        }
        let mut answered = Answered::default();
        let mut notes = Vec::new();
        for record in records {
            let matched = self.matching(&rules, &record);
            if matched.is_empty() {
                answered.keep.push(record);
                continue;
            }
            if lock(&self.0.responses).known.contains(&record.uid) {
                continue;
            }
            if self.events().get(&record.uid).await?.is_some() {
                // Known: the log drops it by its uid.
                answered.keep.push(record);
                continue;
            }
            self.act(record, &matched, &mut answered, &mut notes);
        }
        answered.keep.append(&mut notes);
        Ok(answered)
    }

    fn matching<'a>(
        &self,
        rules: &'a [ResponseRule],
        record: &LogRecord,
    ) -> Vec<(&'a ResponseRule, Option<WorkloadId>)> {
        let Some(facts) = Facts::of(record) else {
            return Vec::new();
        };
        if !rules.iter().any(|r| !r.disabled && r.event == facts.event) {
            return Vec::new();
        }
        let subjects = self.subjects(record);
        let found = |rule: &'a ResponseRule| {
            subjects
                .iter()
                .find(|(_, groups)| response::matches(rule, &facts, groups))
                .map(|(workload, _)| (rule, workload.clone()))
        };
        rules.iter().filter_map(found).collect()
    }

    /// The record's container first, then the ends of its conversation; at least one.
    fn subjects(&self, record: &LogRecord) -> Vec<Subject> {
        let own = record.workload.as_ref().map(|w| w.id.as_str());
        let (ends, group) = match &record.body {
            LogBody::Violation(v) => (
                [Some(v.client.id.as_str()), Some(v.server.id.as_str())],
                None,
            ),
            LogBody::Threat(t) => (
                [Some(t.client.id.as_str()), Some(t.server.id.as_str())],
                None,
            ),
            LogBody::Incident(i) => ([None, None], Some(&i.group)),
            LogBody::Event(_) | LogBody::Audit(_) => ([None, None], None),
        };
        let ids = [own, ends[0], ends[1]].into_iter().flatten();
        let mut subjects: Vec<Subject> = ids
            .filter_map(|id| self.workload(id).ok())
            .map(|view| (Some(view.workload.id.clone()), view.groups.clone()))
            .collect();
        if subjects.is_empty() {
            subjects.push((None, group.cloned().into_iter().collect()));
        }
        subjects
    }

    fn act(
        &self,
        record: LogRecord,
        matched: &[(&ResponseRule, Option<WorkloadId>)],
        answered: &mut Answered,
        notes: &mut Vec<LogRecord>,
    ) {
        let now = self.now();
        let mut responses = lock(&self.0.responses);
        let mut suppressed = None;
        for (rule, workload) in matched {
            responses.totals.matched += 1;
            let hits = responses.hits.entry(rule.id).or_default();
            *hits = Hits {
                count: hits.count + 1,
                last: now,
            };
            for action in &rule.actions {
                match action {
                    ResponseAction::Quarantine => answered.quarantine.push(Quarantine {
                        workload: workload.clone(),
                        rule: rule.id,
                        event: record.name.clone(),
                    }),
                    ResponseAction::SuppressLog => suppressed = suppressed.or(Some(rule.id)),
                    // Never accepted into the list.
                    ResponseAction::Webhook | ResponseAction::Kill => {}
                }
            }
        }
        match suppressed {
            Some(rule) if !is_trail(&record) => {
                responses.totals.suppressed += 1;
                responses.remember(&record.uid);
                drop(responses);
                notes.push(self.note_of_rule(
                    name::RESPONSE_SUPPRESSED,
                    LogLevel::Info,
                    rule,
                    format!("response rule {rule} keeps records out of the log, as it is told; its page counts them"),
                    "",
                ));
            }
            _ => answered.keep.push(record),
        }
    }

    /// At most one an hour, rule and subject.
    fn note_of_rule(
        &self,
        event: &str,
        level: LogLevel,
        rule: RuleId,
        message: String,
        about: &str,
    ) -> LogRecord {
        let mut record = activity(self, event, "RESPONSE", level, message);
        let hour = self.now().secs() / 3600;
        record.uid = agent::uid(&format!("{event}:{rule}:{hour}:{about}"));
        record
    }

    /// Does what rules ask for. A container that cannot be cut off is told of, and holds up nothing.
    pub(crate) async fn carry_out(&self, wanted: Vec<Quarantine>) -> Result<(), AppError> {
        for Quarantine {
            workload,
            rule,
            event,
        } in wanted
        {
            let id = workload.unwrap_or_default();
            let reason = format!("{BY_RULE}{rule}: {}", super::cut(&event, 256));
            let result = match self.workload(id.as_str()) {
                Ok(view) if view.quarantine.is_some() => continue,
                Ok(view) if !view.workload.running => continue,
                Ok(_) => self.quarantine(id.as_str(), true, &reason).await,
                Err(_) => Err(AppError::invalid("the event is about no container")),
            };
            match result {
                Ok(()) => lock(&self.0.responses).totals.quarantined += 1,
                Err(error @ (AppError::Store(_) | AppError::Conflict)) => return Err(error),
                Err(error) => {
                    lock(&self.0.responses).totals.failed += 1;
                    let message =
                        format!("response rule {rule} could not quarantine after {event}: {error}");
                    let note = self.note_of_rule(
                        name::RESPONSE_FAILED,
                        LogLevel::Warning,
                        rule,
                        message,
                        id.as_str(),
                    );
                    self.keep(vec![note]).await?;
                }
            }
        }
        Ok(())
    }

    /// The same, later: whoever made the records may hold the right to change.
    pub(crate) fn carry_out_soon(&self, wanted: Vec<Quarantine>) {
        if wanted.is_empty() {
            return;
        }
        let app = self.clone();
        tokio::spawn(async move {
            if let Err(error) = app.carry_out(wanted).await {
                tracing::error!(%error, "a response rule could not be carried out");
            }
        });
    }
}

/// What must stay to be read: what users did, and what rules did.
fn is_trail(record: &LogRecord) -> bool {
    let LogBody::Event(activity) = &record.body else {
        return false;
    };
    !activity.user.is_empty()
        || activity.category == "RESPONSE"
        || [name::QUARANTINED, name::UNQUARANTINED].contains(&record.name.as_str())
}

fn missing(id: RuleId) -> AppError {
    AppError::not_found("response rule", id.to_string())
}

fn edited(
    state: &State,
    edit: ResponseEdit,
    now: Timestamp,
) -> Result<Arc<Vec<ResponseRule>>, AppError> {
    let mut list = Vec::clone(&state.responses.value);
    match edit {
        ResponseEdit::Insert { after, rules } => {
            let first = place(&list, after)?;
            for (at, rule) in (first..).zip(rules) {
                let rule = made(state, &list, rule, now)?;
                list.insert(at, rule);
            }
        }
        ResponseEdit::Move { after, id } => {
            let from = editable(&list, id)?;
            if after != Some(id.0) {
                let rule = list.remove(from);
                let at = place(&list, after)?;
                list.insert(at, rule);
            }
        }
        ResponseEdit::Update(rule) => {
            let at = editable(&list, rule.id)?;
            check(state, &rule)?;
            let known = &list[at];
            list[at] = ResponseRule {
                source: known.source,
                created_at: known.created_at,
                updated_at: now,
                ..*rule
            };
        }
        ResponseEdit::Delete(ids) => {
            for id in ids {
                let at = editable(&list, id)?;
                list.remove(at);
            }
        }
    }
    if list.len() > MAX_RULES {
        return Err(AppError::invalid(format!(
            "there are at most {MAX_RULES} response rules"
        )));
    }
    Ok(Arc::new(list))
}

fn editable(list: &[ResponseRule], id: RuleId) -> Result<usize, AppError> {
    let at = list.iter().position(|rule| rule.id == id);
    let at = at.ok_or_else(|| missing(id))?;
    if response::source(id) != ConfigSource::User {
        return Err(AppError::read_only("response rule", id.to_string()));
    }
    Ok(at)
}

/// Where a user's rule goes that comes after another.
fn place(list: &[ResponseRule], after: Option<u32>) -> Result<usize, AppError> {
    let own = response::block(ConfigSource::User);
    let start = list
        .iter()
        .filter(|r| response::block(response::source(r.id)) < own)
        .count();
    match after {
        Some(0) => Ok(start),
        None => Ok(list.len()),
        Some(id) => {
            let at = list.iter().position(|rule| rule.id.0 == id);
            let at = at.ok_or_else(|| missing(RuleId(id)))?;
            Ok((at + 1).max(start))
        }
    }
}

fn made(
    state: &State,
    list: &[ResponseRule],
    rule: ResponseRule,
    now: Timestamp,
) -> Result<ResponseRule, AppError> {
    check(state, &rule)?;
    let taken: HashSet<RuleId> = list.iter().map(|rule| rule.id).collect();
    let id = match rule.id {
        RuleId(0) => (1..)
            .map(RuleId)
            .find(|id| !taken.contains(id))
            .unwrap_or_default(),
        id if response::source(id) != ConfigSource::User => {
            return Err(AppError::invalid(
                "a new response rule's id is below 100000; those above are a federation's and Kubernetes resources'",
            ));
        }
        id if taken.contains(&id) => return Err(AppError::exists("response rule", id.to_string())),
        id => id,
    };
    Ok(ResponseRule {
        id,
        source: ConfigSource::User,
        created_at: now,
        updated_at: now,
        ..rule
    })
}

fn check(state: &State, rule: &ResponseRule) -> Result<(), AppError> {
    response::check(rule).map_err(AppError::invalid)?;
    if !rule.group.is_empty() && state.group(&rule.group).is_none() {
        return Err(AppError::not_found("group", rule.group.as_str()));
    }
    Ok(())
}
