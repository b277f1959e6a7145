//! What can go wrong at the kernel's boundary.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this build holds no kernel programs (built with RAMPART_SKIP_BPF=1)")]
    NoPrograms,
    #[error("the kernel has no type information at /sys/kernel/btf/vmlinux")]
    NoBtf,
    #[error("no cgroup v2 file system is mounted")]
    NoCgroup2,
    #[error(
        "the kernel refused {step}; CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN are needed"
    )]
    Kernel {
        step: &'static str,
        #[source]
        source: libbpf_rs::Error,
    },
    #[error("the kernel refused program {program}: {log}")]
    Refused {
        program: String,
        /// The verifier's last lines; empty when it was not reached.
        log: String,
        #[source]
        source: libbpf_rs::Error,
    },
    #[error("{step} failed")]
    System {
        step: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("map {0} is missing from the kernel programs")]
    NoMap(&'static str),
    #[error("this kernel refuses the program that tells system calls")]
    NoCalls,
    #[error("there is no system call {0} to tell")]
    UnknownCall(String),
    #[error(
        "{0:?} is neither an absolute path nor a name of 1 to 63 bytes: opens cannot be told by it"
    )]
    BadPath(String),
    #[error("label 0 is the host and cannot be given to a workload")]
    HostLabel,
    #[error("the policy needs more than {limit} {what}")]
    TooLarge { what: &'static str, limit: usize },
}

impl Error {
    pub(crate) fn system(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { step, source }
    }

    pub(crate) fn kernel(step: &'static str) -> impl FnOnce(libbpf_rs::Error) -> Self {
        move |source| Self::Kernel { step, source }
    }
}
