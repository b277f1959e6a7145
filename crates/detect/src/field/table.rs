//! Every field of the rule language, in one table: name, type, argument and how many values.
//!
//! The names are Falco's, documented in its list of supported fields. A field in the table can be
//! used in conditions and outputs; which of them an event carries is the event's matter (an absent
//! one makes every comparison false).

use Arity::{Any, Ends, List, One};
use Kind::{Bool, Dynamic, Int, Ip, Net, Text};
use Parameter::{Key, MaybeIndex, MaybeKey, No};

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes, usually text.
    Text,
    Int,
    Bool,
    Ip,
    /// Addresses, compared with networks.
    Net,
    /// Known with the event only.
    Dynamic,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "number",
            Self::Bool => "boolean",
            Self::Ip => "address",
            Self::Net => "network",
            Self::Dynamic => "any",
        }
    }
}

/// What stands in brackets after the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    No,
    MaybeIndex,
    Key,
    MaybeKey,
}

/// How many values there are, and what a comparison with several of them means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    One,
    /// Any of them may satisfy the comparison (`proc.aname` without an index).
    Any,
    /// Either end of a connection: `=` holds if one is equal, `!=` if both differ.
    Ends,
    /// A list: `in` if all are members, `intersects` if one is, `exists` and `len()`.
    List,
}

#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    pub field: Field,
    pub name: &'static str,
    pub kind: Kind,
    pub parameter: Parameter,
    pub arity: Arity,
}

macro_rules! fields {
    ($($id:ident $name:literal $kind:ident $parameter:ident $arity:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Field { $($id,)* }

        /// The table, in the order of [`Field`].
        pub const ALL: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$id, name: $name, kind: $kind, parameter: $parameter, arity: $arity,
        },)*];
    };
}

fields! {
    EvtNum "evt.num" Int No One,
    EvtTime "evt.time" Text No One,
    EvtTimeS "evt.time.s" Text No One,
    EvtTimeIso "evt.time.iso8601" Text No One,
    EvtDatetime "evt.datetime" Text No One,
    EvtDatetimeS "evt.datetime.s" Text No One,
    EvtRawtime "evt.rawtime" Int No One,
    EvtRawtimeS "evt.rawtime.s" Int No One,
    EvtRawtimeNs "evt.rawtime.ns" Int No One,
    EvtReltime "evt.reltime" Int No One,
    EvtReltimeS "evt.reltime.s" Int No One,
    EvtReltimeNs "evt.reltime.ns" Int No One,
    EvtDeltatime "evt.deltatime" Int No One,
    EvtLatency "evt.latency" Int No One,
    EvtLatencyNs "evt.latency.ns" Int No One,
    EvtPluginname "evt.pluginname" Text No One,
    EvtPlugininfo "evt.plugininfo" Text No One,
    EvtSource "evt.source" Text No One,
    EvtIsAsync "evt.is_async" Bool No One,
    EvtAsynctype "evt.asynctype" Text No One,
    EvtHostname "evt.hostname" Text No One,
    EvtDir "evt.dir" Text No One,
    EvtType "evt.type" Text No One,
    EvtTypeIs "evt.type.is" Int Key One,
    SyscallType "syscall.type" Text No One,
    EvtCategory "evt.category" Text No One,
    EvtCpu "evt.cpu" Int No One,
    EvtArgs "evt.args" Text No One,
    EvtArg "evt.arg" Dynamic Key One,
    EvtRawarg "evt.rawarg" Dynamic Key One,
    EvtInfo "evt.info" Text No One,
    EvtBuffer "evt.buffer" Text No One,
    EvtBuflen "evt.buflen" Int No One,
    EvtRes "evt.res" Text No One,
    EvtRawres "evt.rawres" Int No One,
    EvtFailed "evt.failed" Bool No One,
    EvtIsIo "evt.is_io" Bool No One,
    EvtIsIoRead "evt.is_io_read" Bool No One,
    EvtIsIoWrite "evt.is_io_write" Bool No One,
    EvtIoDir "evt.io_dir" Text No One,
    EvtIsWait "evt.is_wait" Bool No One,
    EvtWaitLatency "evt.wait_latency" Int No One,
    EvtIsSyslog "evt.is_syslog" Bool No One,
    EvtCount "evt.count" Int No One,
    EvtCountError "evt.count.error" Int No One,
    EvtCountErrorFile "evt.count.error.file" Int No One,
    EvtCountErrorNet "evt.count.error.net" Int No One,
    EvtCountExit "evt.count.exit" Int No One,
    EvtAround "evt.around" Int Key One,
    EvtAbspath "evt.abspath" Text MaybeKey One,
    EvtAbspathSrc "evt.abspath.src" Text No One,
    EvtAbspathDst "evt.abspath.dst" Text No One,
    EvtIsOpenRead "evt.is_open_read" Bool No One,
    EvtIsOpenWrite "evt.is_open_write" Bool No One,
    EvtIsOpenExec "evt.is_open_exec" Bool No One,
    EvtIsOpenCreate "evt.is_open_create" Bool No One,
    ProcExe "proc.exe" Text No One,
    ProcPexe "proc.pexe" Text No One,
    ProcAexe "proc.aexe" Text MaybeIndex Any,
    ProcExepath "proc.exepath" Text No One,
    ProcPexepath "proc.pexepath" Text No One,
    ProcAexepath "proc.aexepath" Text MaybeIndex Any,
    ProcName "proc.name" Text No One,
    ProcPname "proc.pname" Text No One,
    ProcAname "proc.aname" Text MaybeIndex Any,
    ProcArgs "proc.args" Text No One,
    ProcPargs "proc.pargs" Text No One,
    ProcAargs "proc.aargs" Text MaybeIndex Any,
    ProcCmdline "proc.cmdline" Text No One,
    ProcPcmdline "proc.pcmdline" Text No One,
    ProcAcmdline "proc.acmdline" Text MaybeIndex Any,
    ProcCmdnargs "proc.cmdnargs" Int No One,
    ProcCmdlenargs "proc.cmdlenargs" Int No One,
    ProcExeline "proc.exeline" Text No One,
    ProcEnv "proc.env" Text MaybeKey One,
    ProcAenv "proc.aenv" Text MaybeKey Any,
    ProcCwd "proc.cwd" Text No One,
    ProcLoginshellid "proc.loginshellid" Int No One,
    ProcTty "proc.tty" Int No One,
    ProcPid "proc.pid" Int No One,
    ProcPpid "proc.ppid" Int No One,
    ProcApid "proc.apid" Int MaybeIndex Any,
    ProcVpid "proc.vpid" Int No One,
    ProcPvpid "proc.pvpid" Int No One,
    ProcSid "proc.sid" Int No One,
    ProcSname "proc.sname" Text No One,
    ProcSidExe "proc.sid.exe" Text No One,
    ProcSidExepath "proc.sid.exepath" Text No One,
    ProcVpgid "proc.vpgid" Int No One,
    ProcVpgidName "proc.vpgid.name" Text No One,
    ProcVpgidExe "proc.vpgid.exe" Text No One,
    ProcVpgidExepath "proc.vpgid.exepath" Text No One,
    ProcPgid "proc.pgid" Int No One,
    ProcPgidName "proc.pgid.name" Text No One,
    ProcPgidExe "proc.pgid.exe" Text No One,
    ProcPgidExepath "proc.pgid.exepath" Text No One,
    ProcIsSidLeader "proc.is_sid_leader" Bool No One,
    ProcIsVpgidLeader "proc.is_vpgid_leader" Bool No One,
    ProcIsPgidLeader "proc.is_pgid_leader" Bool No One,
    ProcDuration "proc.duration" Int No One,
    ProcPpidDuration "proc.ppid.duration" Int No One,
    ProcPidTs "proc.pid.ts" Int No One,
    ProcPpidTs "proc.ppid.ts" Int No One,
    ProcIsExeWritable "proc.is_exe_writable" Bool No One,
    ProcIsExeUpperLayer "proc.is_exe_upper_layer" Bool No One,
    ProcIsExeLowerLayer "proc.is_exe_lower_layer" Bool No One,
    ProcIsExeFromMemfd "proc.is_exe_from_memfd" Bool No One,
    ProcExeIno "proc.exe_ino" Int No One,
    ProcExeInoCtime "proc.exe_ino.ctime" Int No One,
    ProcExeInoMtime "proc.exe_ino.mtime" Int No One,
    ProcExeInoCtimeStart "proc.exe_ino.ctime_duration_proc_start" Int No One,
    ProcExeInoCtimePidns "proc.exe_ino.ctime_duration_pidns_start" Int No One,
    ProcPidnsInitStart "proc.pidns_init_start_ts" Int No One,
    ProcIsHealthcheck "proc.is_container_healthcheck" Bool No One,
    ProcIsLiveness "proc.is_container_liveness_probe" Bool No One,
    ProcIsReadiness "proc.is_container_readiness_probe" Bool No One,
    ProcFdopencount "proc.fdopencount" Int No One,
    ProcFdlimit "proc.fdlimit" Int No One,
    ProcNthreads "proc.nthreads" Int No One,
    ProcNchilds "proc.nchilds" Int No One,
    ProcStdinType "proc.stdin.type" Text No One,
    ProcStdinName "proc.stdin.name" Text No One,
    ProcStdoutType "proc.stdout.type" Text No One,
    ProcStdoutName "proc.stdout.name" Text No One,
    ProcStderrType "proc.stderr.type" Text No One,
    ProcStderrName "proc.stderr.name" Text No One,
    ThreadCapPermitted "thread.cap_permitted" Text No One,
    ThreadCapInheritable "thread.cap_inheritable" Text No One,
    ThreadCapEffective "thread.cap_effective" Text No One,
    ThreadTid "thread.tid" Int No One,
    ThreadVtid "thread.vtid" Int No One,
    ThreadIsmain "thread.ismain" Bool No One,
    ThreadExectime "thread.exectime" Int No One,
    ThreadTotalexectime "thread.totalexectime" Int No One,
    ThreadCgroups "thread.cgroups" Text No One,
    ThreadCgroup "thread.cgroup" Text Key One,
    ThreadVmsize "thread.vmsize" Int No One,
    ThreadVmrss "thread.vmrss" Int No One,
    ThreadPfmajor "thread.pfmajor" Int No One,
    ThreadPfminor "thread.pfminor" Int No One,
    UserUid "user.uid" Int No One,
    UserName "user.name" Text No One,
    UserHomedir "user.homedir" Text No One,
    UserShell "user.shell" Text No One,
    UserLoginuid "user.loginuid" Int No One,
    UserLoginname "user.loginname" Text No One,
    GroupGid "group.gid" Int No One,
    GroupName "group.name" Text No One,
    FdNum "fd.num" Int No One,
    FdType "fd.type" Text No One,
    FdTypes "fd.types" Text MaybeKey List,
    FdTypechar "fd.typechar" Text No One,
    FdName "fd.name" Text No One,
    FdNames "fd.names" Text MaybeKey List,
    FdNameraw "fd.nameraw" Text No One,
    FdDirectory "fd.directory" Text No One,
    FdFilename "fd.filename" Text No One,
    FdIp "fd.ip" Ip No Ends,
    FdCip "fd.cip" Ip No One,
    FdSip "fd.sip" Ip No One,
    FdLip "fd.lip" Ip No One,
    FdRip "fd.rip" Ip No One,
    FdPort "fd.port" Int No Ends,
    FdCport "fd.cport" Int No One,
    FdSport "fd.sport" Int No One,
    FdLport "fd.lport" Int No One,
    FdRport "fd.rport" Int No One,
    FdNet "fd.net" Net No Ends,
    FdCnet "fd.cnet" Net No One,
    FdSnet "fd.snet" Net No One,
    FdLnet "fd.lnet" Net No One,
    FdRnet "fd.rnet" Net No One,
    FdCipName "fd.cip.name" Text No One,
    FdSipName "fd.sip.name" Text No One,
    FdLipName "fd.lip.name" Text No One,
    FdRipName "fd.rip.name" Text No One,
    FdProto "fd.proto" Text No Ends,
    FdCproto "fd.cproto" Text No One,
    FdSproto "fd.sproto" Text No One,
    FdLproto "fd.lproto" Text No One,
    FdRproto "fd.rproto" Text No One,
    FdL4proto "fd.l4proto" Text No One,
    FdSockfamily "fd.sockfamily" Text No One,
    FdIsServer "fd.is_server" Bool No One,
    FdUid "fd.uid" Text No One,
    FdContainername "fd.containername" Text No One,
    FdContainerdirectory "fd.containerdirectory" Text No One,
    FdConnected "fd.connected" Bool No One,
    FdNameChanged "fd.name_changed" Bool No One,
    FdDev "fd.dev" Int No One,
    FdDevMajor "fd.dev.major" Int No One,
    FdDevMinor "fd.dev.minor" Int No One,
    FdIno "fd.ino" Int No One,
    FdIsUpperLayer "fd.is_upper_layer" Bool No One,
    FdIsLowerLayer "fd.is_lower_layer" Bool No One,
    FsPathName "fs.path.name" Text No One,
    FsPathNameraw "fs.path.nameraw" Text No One,
    FsPathSource "fs.path.source" Text No One,
    FsPathSourceraw "fs.path.sourceraw" Text No One,
    FsPathTarget "fs.path.target" Text No One,
    FsPathTargetraw "fs.path.targetraw" Text No One,
    ContainerId "container.id" Text No One,
    ContainerFullId "container.full_id" Text No One,
    ContainerName "container.name" Text No One,
    ContainerImage "container.image" Text No One,
    ContainerImageId "container.image.id" Text No One,
    ContainerImageRepository "container.image.repository" Text No One,
    ContainerImageTag "container.image.tag" Text No One,
    ContainerImageDigest "container.image.digest" Text No One,
    ContainerType "container.type" Text No One,
    ContainerPrivileged "container.privileged" Bool No One,
    ContainerMounts "container.mounts" Text No One,
    ContainerMount "container.mount" Text Key One,
    ContainerMountSource "container.mount.source" Text Key One,
    ContainerMountDest "container.mount.dest" Text Key One,
    ContainerMountMode "container.mount.mode" Text Key One,
    ContainerMountRdwr "container.mount.rdwr" Text Key One,
    ContainerMountPropagation "container.mount.propagation" Text Key One,
    ContainerHealthcheck "container.healthcheck" Text No One,
    ContainerLiveness "container.liveness_probe" Text No One,
    ContainerReadiness "container.readiness_probe" Text No One,
    ContainerStartTs "container.start_ts" Int No One,
    ContainerDuration "container.duration" Int No One,
    ContainerIp "container.ip" Text No One,
    ContainerCniJson "container.cni.json" Text No One,
    ContainerHostPid "container.host_pid" Bool No One,
    ContainerHostNetwork "container.host_network" Bool No One,
    ContainerHostIpc "container.host_ipc" Bool No One,
    ContainerLabel "container.label" Text Key One,
    ContainerLabels "container.labels" Text No One,
    K8sPodName "k8s.pod.name" Text No One,
    K8sPodId "k8s.pod.id" Text No One,
    K8sPodUid "k8s.pod.uid" Text No One,
    K8sPodSandboxId "k8s.pod.sandbox_id" Text No One,
    K8sPodFullSandboxId "k8s.pod.full_sandbox_id" Text No One,
    K8sPodLabel "k8s.pod.label" Text Key One,
    K8sPodLabels "k8s.pod.labels" Text No One,
    K8sPodIp "k8s.pod.ip" Text No One,
    K8sPodCniJson "k8s.pod.cni.json" Text No One,
    K8sNsName "k8s.ns.name" Text No One,
    K8sNsId "k8s.ns.id" Text No One,
    K8sNsLabel "k8s.ns.label" Text Key One,
    K8sNsLabels "k8s.ns.labels" Text No One,
    K8sRcName "k8s.rc.name" Text No One,
    K8sSvcName "k8s.svc.name" Text No One,
    K8sRsName "k8s.rs.name" Text No One,
    K8sDeploymentName "k8s.deployment.name" Text No One,
}

impl Field {
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        &ALL[self as usize]
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

/// Names that may be followed by a key after a dot, as `evt.arg.flags`.
const DOTTED: &[(&str, Field)] = &[
    ("evt.arg.", Field::EvtArg),
    ("evt.rawarg.", Field::EvtRawarg),
    ("evt.type.is.", Field::EvtTypeIs),
    ("container.label.", Field::ContainerLabel),
    ("k8s.pod.label.", Field::K8sPodLabel),
    ("k8s.ns.label.", Field::K8sNsLabel),
];

/// A field and its argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    pub field: Field,
    pub argument: Argument,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    None,
    Index(usize),
    Key(Box<[u8]>),
}

/// Why a name with its argument is not a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    #[error("unknown field '{name}'{hint}")]
    Unknown { name: String, hint: String },
    #[error("field '{0}' needs an argument in brackets, as {0}[name]")]
    NoArgument(&'static str),
    #[error("field '{0}' takes no argument")]
    Argument(&'static str),
    #[error("field '{0}' takes a number in brackets, as {0}[2]")]
    Index(&'static str),
}

impl FieldRef {
    /// Resolves `name` and the text in brackets after it.
    ///
    /// # Errors
    /// The name is none of the table, or the argument does not fit it.
    pub fn resolve(name: &str, argument: Option<&[u8]>) -> Result<Self, FieldError> {
        if let Some(info) = ALL.iter().find(|info| info.name == name) {
            return Self::with(info, argument);
        }
        for (prefix, field) in DOTTED {
            if let Some(key) = name.strip_prefix(prefix)
                && !key.is_empty()
                && argument.is_none()
            {
                return Ok(Self {
                    field: *field,
                    argument: Argument::Key(key.as_bytes().into()),
                });
            }
        }
        Err(FieldError::Unknown {
            name: name.to_owned(),
            hint: nearest(name)
                .map(|near| format!(": did you mean '{near}'?"))
                .unwrap_or_default(),
        })
    }

    /// Resolves `name[argument]` as it stands in a JSON key or an output.
    ///
    /// # Errors
    /// As [`FieldRef::resolve`].
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match text
            .split_once('[')
            .and_then(|(name, rest)| Some((name, rest.strip_suffix(']')?)))
        {
            Some((name, argument)) => Self::resolve(name, Some(argument.as_bytes())),
            None => Self::resolve(text, None),
        }
    }

    fn with(info: &'static FieldInfo, argument: Option<&[u8]>) -> Result<Self, FieldError> {
        let argument = match (info.parameter, argument) {
            (Parameter::No | Parameter::MaybeIndex | Parameter::MaybeKey, None) => Argument::None,
            (Parameter::Key, None) => {
                return Err(FieldError::NoArgument(info.name));
            }
            (Parameter::No, Some(_)) => return Err(FieldError::Argument(info.name)),
            (Parameter::MaybeIndex, Some(text)) => {
                let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
                Argument::Index(number.ok_or(FieldError::Index(info.name))?)
            }
            (Parameter::Key | Parameter::MaybeKey, Some(text)) => Argument::Key(text.into()),
        };
        Ok(Self {
            field: info.field,
            argument,
        })
    }

    /// How many values the field has with this argument.
    #[must_use]
    pub fn arity(&self) -> Arity {
        match (self.field.info().arity, &self.argument) {
            (Arity::Any, Argument::Index(_) | Argument::Key(_)) => Arity::One,
            (arity, _) => arity,
        }
    }
}

impl std::fmt::Display for FieldRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.field.name();
        match &self.argument {
            Argument::None => f.write_str(name),
            Argument::Index(index) => write!(f, "{name}[{index}]"),
            Argument::Key(key) => {
                let key = String::from_utf8_lossy(key);
                let dotted = DOTTED.iter().any(|(_, field)| *field == self.field);
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !key.starts_with(|c: char| c.is_ascii_digit());
                match dotted && plain {
                    true => write!(f, "{name}.{key}"),
                    false => write!(f, "{name}[{key}]"),
                }
            }
        }
    }
}

/// The name in the table that differs least, if it differs little.
fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > 64 {
        return None;
    }
    ALL.iter()
        .map(|info| (distance(name.as_bytes(), info.name.as_bytes()), info.name))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, near)| near)
}

/// Edits (insert, delete, replace) between two short texts.
pub(crate) fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
