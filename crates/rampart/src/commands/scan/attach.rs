//! SBOMs that lie with an image in its registry: `--attach-sbom` puts one there,
//! `--sbom-sources` uses one.

use super::{Run, args::AttachFormat, output::VERSION};
use anyhow::{Context, Result, bail};
use rampart_model::{Timestamp, scan::ScanReport};
use rampart_scanner::{
    registry::{Artifact, Reference},
    scan::{self, Inspected},
    source::{
        Source,
        attached::{self, CYCLONEDX, SPDX},
    },
};
use rampart_vuln::sbom::{self, cyclonedx, spdx};

/// What is attached, and to what.
pub(super) struct Attachment {
    reference: Reference,
    subject: String,
    format: AttachFormat,
    document: String,
    created_at: String,
}

impl Attachment {
    /// The document depends on the image and on this program alone: not on the time of the scan,
    /// nor on the name the image was asked for by.
    pub(super) fn new(format: AttachFormat, inspected: &Inspected) -> Result<Self> {
        let target = &inspected.report.target;
        let reference: Reference = target.name.parse()?;
        if inspected.incomplete {
            bail!("'{reference}' could be read in part only: no SBOM of a part is attached");
        }
        let mut report = inspected.report.clone();
        report.target.tag.clear();
        report.target.name = format!("{}/{}", reference.registry, reference.repository);
        if let Some(distro) = &mut report.distro {
            distro.end_of_life = false;
        }
        Ok(Self {
            subject: target.digest.clone(),
            created_at: target.created_at.clone(),
            document: document(format, &report),
            reference,
            format,
        })
    }

    pub(super) fn push(self, run: &mut Run) -> Result<()> {
        let (media_type, title, description) = match self.format {
            AttachFormat::Cyclonedx => (CYCLONEDX, "sbom.cdx.json", "CycloneDX 1.6 SBOM"),
            AttachFormat::Spdx => (SPDX, "sbom.spdx.json", "SPDX 2.3 SBOM"),
        };
        let annotations = [
            ("org.opencontainers.image.created", self.created_at.as_str()),
            ("org.opencontainers.image.description", description),
        ];
        let artifact = Artifact {
            media_type,
            title,
            content: self.document.as_bytes(),
            annotations: &annotations,
        };
        let (runtime, client) = run.registries.get(&run.login, &run.options)?;
        let attached = runtime
            .block_on(client.attach(&self.reference, &self.subject, &artifact))
            .context("the SBOM could not be attached")?;
        if !run.common.quiet {
            let Reference {
                registry,
                repository,
                ..
            } = &self.reference;
            eprintln!(
                "rampart: {description} {} {registry}/{repository}@{} as {registry}/{repository}@{}{}",
                if attached.known {
                    "was attached before to"
                } else {
                    "attached to"
                },
                self.subject,
                attached.digest,
                if attached.by_tag {
                    " (by tag: no referrers API)"
                } else {
                    ""
                },
            );
        }
        Ok(())
    }
}

fn document(format: AttachFormat, report: &ScanReport) -> String {
    let created: Option<jiff::Timestamp> = report.target.created_at.parse().ok();
    let options = sbom::Options {
        tool_version: VERSION.to_owned(),
        created: created.map_or(Timestamp::UNKNOWN, |at| {
            Timestamp::from_ms(at.as_millisecond())
        }),
        author: String::new(),
    };
    match format {
        AttachFormat::Cyclonedx => {
            cyclonedx::write(report, &options, cyclonedx::Version::V1_6, false)
        }
        AttachFormat::Spdx => spdx::write_json(report, &options),
    }
}

/// What the image's attached SBOM says; nothing if there is none that can be read.
pub(super) fn by_sbom(source: &Source, run: &mut Run) -> Result<Option<Inspected>> {
    let Source::Image(image) = source else {
        return Ok(None);
    };
    let reference: Reference = image.target.name.parse()?;
    let (runtime, client) = run.registries.get(&run.login, &run.options)?;
    let found = attached::find(client, runtime.handle(), &reference, image);
    let say = |text: String| {
        if !run.common.quiet {
            eprintln!("rampart: {text}");
        }
    };
    let attachment = match found {
        Ok(Some(attachment)) => attachment,
        Ok(None) => {
            say("no SBOM is attached to the image: its layers are read".to_owned());
            return Ok(None);
        }
        Err(error) => {
            say(format!(
                "the SBOM attached to the image cannot be had, its layers are read: {}",
                scan::chain(&error)
            ));
            return Ok(None);
        }
    };
    match scan::inspect_attached(image, &attachment, &run.options) {
        Ok(inspected) => {
            say(format!(
                "packages are those of the SBOM attached as {} ({}); layers, and secrets in them, are not read",
                attachment.digest, attachment.media_type
            ));
            Ok(Some(inspected))
        }
        Err(error) => {
            say(format!(
                "the SBOM attached as {} cannot be used, the layers are read: {}",
                attachment.digest,
                scan::chain(&error)
            ));
            Ok(None)
        }
    }
}
