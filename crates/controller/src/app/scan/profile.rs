//! The vulnerability profile: what is accepted, by whom, where and until when. There is one, named
//! `default`, as in NeuVector.

use super::PROFILE;
use crate::{
    App, AppError,
    app::{Actor, activity, name},
};
use rampart_model::{
    LogBody, LogLevel,
    event::Activity,
    scan_job::{AcceptedVulnerability, VulnerabilityProfile},
};

pub(crate) const DEFAULT: &str = "default";
const MAX_ENTRIES: usize = 10_000;
const MAX_PLACES: usize = 256;
const MAX_BYTES: usize = 1024;

/// A change of the profile.
#[derive(Clone, Debug)]
pub enum ProfileEdit {
    /// Every entry becomes one of these.
    Replace(Vec<AcceptedVulnerability>),
    Add(AcceptedVulnerability),
    /// The entry of that id becomes this one.
    Update(AcceptedVulnerability),
    Delete(u32),
}

impl App {
    pub fn vulnerability_profile(&self, name: &str) -> Result<VulnerabilityProfile, AppError> {
        if name != DEFAULT {
            return Err(AppError::not_found("vulnerability profile", name));
        }
        let mut profile = self.scans(|scans| scans.profile.value.clone());
        DEFAULT.clone_into(&mut profile.name);
        Ok(profile)
    }

    pub async fn edit_vulnerability_profile(
        &self,
        name: &str,
        edit: ProfileEdit,
        actor: &Actor,
    ) -> Result<(), AppError> {
        let profile = self.vulnerability_profile(name)?;
        let text = describe(&edit, &profile);
        let now = self.now();
        self.change_scans(|scans, draft| {
            let mut profile = scans.profile.value.clone();
            DEFAULT.clone_into(&mut profile.name);
            apply(&mut profile, edit.clone(), now, &actor.user)?;
            draft.put(PROFILE, "", &profile)
        })
        .await?;
        let mut record = activity(
            self,
            name::VULNERABILITY_PROFILE,
            "SCAN",
            LogLevel::Notice,
            text,
        );
        if let LogBody::Event(Activity {
            user,
            user_roles,
            user_addr,
            user_session,
            ..
        }) = &mut record.body
        {
            user.clone_from(&actor.user);
            user_roles.clone_from(&actor.roles);
            user_addr.clone_from(&actor.addr);
            user_session.clone_from(&actor.session);
        }
        self.record(vec![record]).await
    }
}

fn describe(edit: &ProfileEdit, profile: &VulnerabilityProfile) -> String {
    match edit {
        ProfileEdit::Replace(entries) => {
            format!(
                "accepted vulnerabilities were replaced by {} entries",
                entries.len()
            )
        }
        ProfileEdit::Add(entry) => format!("vulnerability {} was accepted", entry.name),
        ProfileEdit::Update(entry) => format!("acceptance of {} was changed", entry.name),
        ProfileEdit::Delete(id) => {
            let known = profile.entries.iter().find(|e| e.id == *id);
            let name = known.map_or("a vulnerability", |e| e.name.as_str());
            format!("{name} is no longer accepted")
        }
    }
}

fn apply(
    profile: &mut VulnerabilityProfile,
    edit: ProfileEdit,
    now: rampart_model::Timestamp,
    user: &str,
) -> Result<(), AppError> {
    let stamp = |entry: AcceptedVulnerability, id: u32| AcceptedVulnerability {
        id,
        created_at: now,
        created_by: user.to_owned(),
        ..entry
    };
    match edit {
        ProfileEdit::Replace(entries) => {
            profile.entries.clear();
            for (id, entry) in (1..).zip(entries) {
                check(&entry)?;
                profile.entries.push(stamp(entry, id));
            }
        }
        ProfileEdit::Add(entry) => {
            check(&entry)?;
            let id = profile
                .entries
                .iter()
                .map(|e| e.id)
                .max()
                .unwrap_or_default();
            profile.entries.push(stamp(entry, id.saturating_add(1)));
        }
        ProfileEdit::Update(entry) => {
            check(&entry)?;
            let place = place(profile, entry.id)?;
            let id = entry.id;
            profile.entries[place] = stamp(entry, id);
        }
        ProfileEdit::Delete(id) => {
            let place = place(profile, id)?;
            profile.entries.remove(place);
        }
    }
    if profile.entries.len() > MAX_ENTRIES {
        return Err(AppError::invalid(format!(
            "a profile has at most {MAX_ENTRIES} entries"
        )));
    }
    Ok(())
}

fn place(profile: &VulnerabilityProfile, id: u32) -> Result<usize, AppError> {
    profile
        .entries
        .iter()
        .position(|entry| entry.id == id)
        .ok_or_else(|| AppError::not_found("entry", id.to_string()))
}

fn check(entry: &AcceptedVulnerability) -> Result<(), AppError> {
    let named = (1..=256).contains(&entry.name.len()) && !entry.name.contains(char::is_whitespace);
    if !named {
        return Err(AppError::invalid(
            "an entry's name is a CVE, or _RecentVuln or _RecentVulnWithoutFix",
        ));
    }
    let recent = entry.name.starts_with('_');
    if recent
        && ![
            AcceptedVulnerability::RECENT,
            AcceptedVulnerability::RECENT_WITHOUT_FIX,
        ]
        .contains(&entry.name.as_str())
    {
        return Err(AppError::invalid(
            "names that begin with _ are _RecentVuln and _RecentVulnWithoutFix",
        ));
    }
    if recent && !(1..=3650).contains(&entry.days) {
        return Err(AppError::invalid(
            "an entry for recent vulnerabilities needs `days` of 1 to 3650",
        ));
    }
    let long = |list: &[String]| {
        list.len() > MAX_PLACES
            || list
                .iter()
                .any(|text| text.len() > MAX_BYTES || text.is_empty())
    };
    if long(&entry.domains) || long(&entry.images) || entry.comment.len() > 4 * MAX_BYTES {
        return Err(AppError::invalid(format!(
            "an entry has at most {MAX_PLACES} domains and images of 1 to {MAX_BYTES} bytes, and a comment of {}",
            4 * MAX_BYTES
        )));
    }
    Ok(())
}
