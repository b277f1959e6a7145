/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between the programs and user space: every map key and value and every record.
 * `crates/probe/src/intf.rs` holds the same structures; a test compares both through the BTF of
 * the built object. Addresses are always 16 bytes, IPv4 as ::ffff:a.b.c.d, in network order;
 * ports are in host order unless the name ends in _be.
 */
#ifndef RAMPART_INTF_H
#define RAMPART_INTF_H

#define RP_COMM 16
#define RP_PATH 4096
#define RP_NAME 256
#define RP_ARGV_HEAD 4096
#define RP_ARGV_TAIL 2048
#define RP_EXEC_DATA (3 * RP_PATH + RP_ARGV_HEAD + RP_ARGV_TAIL)
#define RP_CGROUP_PATH 1024

/*
 * Of every structure and map below. Programs and maps that are pinned belong to the version that
 * made them: raise it with every change of what maps hold.
 */
#define RP_LAYOUT_VERSION 2

/* Records wait in the ring until this many bytes accrue or the consumer's timer fires. */
#define RP_WAKE_BYTES (64 * 1024)

enum rp_kind {
	RP_FORK = 1,
	RP_EXEC = 2,
	RP_EXIT = 3,
	RP_CRED = 4,
	RP_SOCKET = 5,
	RP_NET = 6,
	RP_FIRST_EXEC = 7,
	RP_KILLED = 8,
	RP_CGROUP_MADE = 9,
	RP_CGROUP_GONE = 10,
	RP_DENIED = 11,
	RP_CALL = 12,
};

struct rp_head {
	__u32 kind;
	__u32 size;
	/* Nanoseconds since boot. */
	__u64 at_ns;
};

struct rp_task {
	__u32 pid;
	__u32 tid;
	__u32 ppid;
	__u32 label;
	__u64 cgroup_id;
	__u64 start_ns;
	__u64 caps;
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 egid;
	__u32 mount_ns;
	__u32 pid_ns;
	__u32 ns_pid;
	__u32 tty;
	char comm[RP_COMM];
};

struct rp_fork {
	struct rp_head head;
	struct rp_task parent;
	__u64 child_cgroup_id;
	__u64 child_start_ns;
	__u32 child_pid;
	__u32 child_label;
};

enum rp_exec_flag {
	RP_EXEC_UPPER = 1,
	RP_EXEC_UNLINKED = 2,
	RP_EXEC_FOREIGN = 4,
	RP_EXEC_OVERLAY = 8,
	RP_EXEC_PATH_CUT = 16,
	RP_EXEC_ARGV_CUT = 32,
	RP_EXEC_CRED = 64,
	RP_EXEC_HELD = 128,
	RP_EXEC_CWD_CUT = 256,
	RP_EXEC_TMPFS = 512,
};

enum rp_reason {
	RP_REASON_NONE = 0,
	RP_REASON_FILELESS = 1,
	RP_REASON_DROPPED = 2,
	RP_REASON_TMPFS = 3,
	RP_REASON_DENIED = 4,
	/* A rule on the file. */
	RP_REASON_PROTECTED = 5,
	/* A guard: the act itself is forbidden. */
	RP_REASON_GUARD = 6,
	/* Memory that was written and holds no file. */
	RP_REASON_ANONYMOUS = 7,
	/* Not in the profile; `rule` is the rule that denies, or 0. */
	RP_REASON_PROFILE = 8,
};

struct rp_exec {
	struct rp_head head;
	struct rp_task task;
	__u64 ino;
	__u64 argv_bytes;
	__u64 prev_caps;
	__u32 dev;
	__u32 mode;
	__u32 flags;
	__u32 reason;
	__u32 prev_uid;
	__u32 prev_euid;
	/* Lengths of what lies in `data`, in this order. */
	__u16 path_len;
	__u16 cwd_len;
	__u16 filename_len;
	__u16 argv_head_len;
	__u16 argv_tail_len;
	__u16 pad[3];
	__u8 data[RP_EXEC_DATA];
};

struct rp_exit {
	struct rp_head head;
	struct rp_task task;
	__u32 status;
	__u32 pad;
};

enum rp_cause {
	RP_CAUSE_EXEC = 1,
	RP_CAUSE_CHANGED = 2,
	RP_CAUSE_ATTEMPT = 3,
};

struct rp_cred {
	struct rp_head head;
	struct rp_task task;
	__u64 old_caps;
	__u32 old_uid;
	__u32 old_euid;
	__u8 cause;
	__u8 capability;
	__u8 granted;
	__u8 pad[5];
};

enum rp_socket_op {
	RP_SOCK_CONNECT = 1,
	RP_SOCK_CONNECTED = 2,
	RP_SOCK_ACCEPT = 3,
	RP_SOCK_LISTEN = 4,
	RP_SOCK_CLOSE = 5,
};

struct rp_socket {
	struct rp_head head;
	__u64 cgroup_id;
	__u64 duration_ns;
	__u32 label;
	__u32 pid;
	__u8 local[16];
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u8 op;
	__u8 pad[3];
	char comm[RP_COMM];
};

enum rp_dir {
	RP_INGRESS = 0,
	RP_EGRESS = 1,
};

enum rp_verdict {
	RP_ALLOW = 0,
	RP_LEARN = 1,
	RP_VIOLATE = 2,
	RP_DENY = 3,
};

enum rp_hook {
	RP_HOOK_SOCK = 1,
	RP_HOOK_PACKET = 2,
	RP_HOOK_LSM = 3,
};

struct rp_net {
	struct rp_head head;
	__u32 label;
	__u32 pid;
	__u32 rule;
	__u8 verdict;
	__u8 dir;
	__u8 proto;
	__u8 hook;
	__u8 local[16];
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u32 pad;
	char comm[RP_COMM];
};

/* What an LSM program refused. */
enum rp_op {
	RP_OP_EXEC = 1,
	RP_OP_MAP_EXEC = 2,
	RP_OP_OPEN_READ = 3,
	RP_OP_OPEN_WRITE = 4,
	RP_OP_TRUNCATE = 5,
	RP_OP_UNLINK = 6,
	RP_OP_RENAME = 7,
	RP_OP_LINK = 8,
	RP_OP_CREATE = 9,
	RP_OP_ATTRIB = 10,
	RP_OP_MOUNT = 11,
	RP_OP_UNMOUNT = 12,
	RP_OP_SOCKET = 13,
	RP_OP_LISTEN = 14,
	RP_OP_SETUID = 15,
	RP_OP_CAPSET = 16,
	RP_OP_PTRACE = 17,
	RP_OP_BPF = 18,
	RP_OP_MODULE = 19,
	RP_OP_USERNS = 20,
	RP_OP_KILL = 21,
};

enum rp_denied_flag {
	RP_DENIED_PATH_CUT = 1,
	/* It took place: the policy watches for it. */
	RP_DENIED_WATCHED = 2,
};

struct rp_denied {
	struct rp_head head;
	struct rp_task task;
	__u64 ino;
	/* What the operation is about: a port, a capability mask, a pid. */
	__u64 detail;
	__u32 dev;
	__u32 rule;
	__u32 op;
	__u32 reason;
	__u32 flags;
	__u32 path_len;
	char path[RP_PATH];
};

enum rp_call_via {
	RP_VIA_NATIVE = 0,
	RP_VIA_COMPAT = 1,
	RP_VIA_URING = 2,
};

enum rp_call_flag {
	/* `fd` means something, and so does what lies behind it. */
	RP_CALL_FD = 1,
	RP_CALL_FILE = 2,
	RP_CALL_CREATED = 4,
	RP_CALL_UPPER = 8,
	/* The path is the descriptor's file. */
	RP_CALL_RESOLVED = 16,
	RP_CALL_CUT = 32,
	/* `path`, `other`: to be appended to what is sent as their base. */
	RP_CALL_BASE = 64,
	RP_CALL_OTHER_BASE = 128,
	RP_CALL_SOCKET = 256,
};

enum rp_fd_kind {
	RP_FD_OTHER = 0,
	RP_FD_FILE = 1,
	RP_FD_DIRECTORY = 2,
	RP_FD_CHARACTER = 3,
	RP_FD_BLOCK = 4,
	RP_FD_PIPE = 5,
	RP_FD_INET = 6,
	RP_FD_UNIX = 7,
	RP_FD_SOCKET = 8,
	RP_FD_UNLINKED = 9,
};

#define RP_CALL_ADDRESS 128
#define RP_CALL_DATA (5 * RP_PATH + RP_CALL_ADDRESS)

/* A system call, after it returned. */
struct rp_call {
	struct rp_head head;
	struct rp_task task;
	__s64 result;
	__u64 args[6];
	__u64 fd_ino;
	__u32 flags;
	__s32 fd;
	__u32 fd_mode;
	__u32 fd_flags;
	__u32 fd_dev;
	__u16 call;
	__u8 via;
	__u8 fd_kind;
	__u16 family;
	__u16 socket_type;
	__u16 local_port;
	__u16 peer_port;
	__u8 local[16];
	__u8 peer[16];
	/* Lengths of what lies in `data`, in this order. */
	__u16 fd_path_len;
	__u16 path_len;
	__u16 base_len;
	__u16 other_len;
	__u16 other_base_len;
	__u16 address_len;
	__u8 protocol;
	__u8 pad[3];
	__u8 data[RP_CALL_DATA];
};

struct rp_cgroup {
	struct rp_head head;
	__u64 id;
	__u32 label;
	__u32 path_len;
	char path[RP_CGROUP_PATH];
};

/* ---- maps ---- */

/* The only element of `config`. */
struct rp_config {
	__u32 host_mount_ns;
	__u32 host_pid_ns;
	__u32 host_root_dev;
	__u32 self_pid;
	__u8 hold;
	__u8 host_events;
	__u8 pad[6];
};

enum rp_label_flag {
	/* Not a container: never hold its processes. */
	RP_LABEL_IGNORED = 1,
};

/* `labels`: cgroup id to this. */
struct rp_label {
	__u32 label;
	__u32 flags;
};

enum rp_state_flag {
	/* Has run a program inside its container. */
	RP_STATE_INSIDE = 1,
};

/* `task_state`: task storage of thread group leaders. */
struct rp_state {
	__u32 label;
	__u32 flags;
	__u32 uid;
	__u32 euid;
	__u64 caps;
};

enum rp_policy_flag {
	RP_POLICY_DRIFT_KILL = 1,
	RP_POLICY_DENY_LIST = 2,
	RP_POLICY_QUARANTINE = 4,
	/* Loopback traffic is judged too, by rules that match it. */
	RP_POLICY_LOOPBACK = 8,
	/* Drift holds for code that is mapped too. */
	RP_POLICY_DRIFT_CODE = 16,
};

/* What the LSM programs look at and forbid; the `guard` of a policy. */
enum rp_guard {
	RP_GUARD_FILES = 1,
	RP_GUARD_TREES = 2,
	RP_GUARD_MOUNT = 4,
	RP_GUARD_PTRACE = 8,
	RP_GUARD_BPF = 16,
	RP_GUARD_MODULE = 32,
	RP_GUARD_USERNS = 64,
	RP_GUARD_SETUID = 128,
	RP_GUARD_CAPSET = 256,
	RP_GUARD_RAW_SOCKET = 512,
	RP_GUARD_LISTEN = 1024,
	RP_GUARD_ANON_EXEC = 2048,
	/* What `programs` does not allow does not run. */
	RP_GUARD_PROFILE = 4096,
	/* Some programs are allowed below a parent only; some anywhere below a directory. */
	RP_GUARD_PARENTS = 8192,
	RP_GUARD_BELOW = 16384,
	/* An allowed program must be the image's own. */
	RP_GUARD_ZERO_DRIFT = 32768,
	RP_GUARD_PATTERNS = 65536,
	/* Of `watch` only: code is mapped that the image did not ship. */
	RP_GUARD_DRIFT_CODE = 131072,
};

/* `policies`: label to this. Replacing the element is the atomic swap. */
struct rp_policy {
	__u32 flags;
	/* Set of network rules and of exec verdicts in force. */
	__u32 set;
	/* rp_guard bits, and the set of file rules in force. */
	__u32 guard;
	__u32 guard_set;
	/* rp_guard bits whose first use is told; the programs clear them. */
	__u32 watch;
	/* rp_verdict for flows that no rule matches. */
	__u8 default_verdict;
	__u8 pad[3];
};

/*
 * A file as it is on disk: for an overlay the file of its upper or lower layer, so that one key
 * holds behind every mount. `generation` tells a reused inode number apart.
 */
struct rp_file_key {
	__u32 set;
	__u32 dev;
	__u64 ino;
	__u32 generation;
	/* 0, or the rule whose exempt program this is. */
	__u32 rule;
};

enum rp_file_flag {
	RP_FILE_NO_READ = 1,
	RP_FILE_NO_WRITE = 2,
	RP_FILE_NO_EXEC = 4,
	/* Holds for everything below the directory. */
	RP_FILE_TREE = 8,
	/* On the way to a protected file: neither moved nor removed nor mounted over. */
	RP_FILE_ANCESTOR = 16,
	/* Some programs are exempt: `file_rules` has them under the rule. */
	RP_FILE_EXEMPT = 32,
	/* Holds for what is directly in the directory. */
	RP_FILE_CHILDREN = 64,
};

/* `file_rules` */
struct rp_file_rule {
	__u32 flags;
	__u32 rule;
};

/* `name_rules`: a name that must not appear in a directory. */
struct rp_name_key {
	__u32 set;
	__u32 dev;
	__u64 ino;
	__u32 generation;
	__u32 len;
	/* FNV-1a. */
	__u64 hash;
};

/* `patterns`: names with one star, in a directory (and below it: RP_FILE_TREE). */
struct rp_pattern {
	__u32 flags;
	__u32 rule;
	/* Before and after the star: length and FNV-1a. */
	__u32 prefix_len;
	__u32 suffix_len;
	__u64 prefix_hash;
	__u64 suffix_hash;
};

/* Patterns a directory may have; their keys are rp_file_key with the place for `rule`. */
#define RP_PATTERNS 8

enum rp_program_kind {
	RP_PROGRAM_FILE = 0,
	/* A name directly in a directory; without one (0) anywhere. */
	RP_PROGRAM_NAME = 1,
	/* A name, or any (0), somewhere below a directory. */
	RP_PROGRAM_BELOW = 2,
	/* What a file or a name starts may run. */
	RP_PROGRAM_PARENT = 3,
};

/* `programs`: rules of a profile, the lowest rank decides. */
struct rp_program_key {
	__u32 set;
	__u32 kind;
	__u64 ino;
	/* FNV-1a of a name; 0 without one. */
	__u64 hash;
	__u32 dev;
	__u32 generation;
	__u32 uid;
	__u32 pad;
};

#define RP_ANY_UID 0xffffffff

enum rp_program_flag {
	RP_PROGRAM_DENY = 1,
	/* The file may be another than the image's. */
	RP_PROGRAM_UPDATE = 2,
};

struct rp_program {
	__u32 rank;
	__u32 flags;
};

/* Context of the program `identify`: the files behind an open descriptor. */
struct rp_identify {
	__u32 fd;
	__u32 count;
	struct rp_file_key keys[2];
};

/* `exec_verdicts` */
struct rp_exec_key {
	__u32 set;
	__u32 dev;
	__u64 ino;
};

/* `ports`, a trie: which class of rules holds for a port. */
struct rp_port_key {
	__u32 prefix_len;
	__u32 set;
	__u8 proto;
	__u8 dir;
	__u16 port_be;
};

#define RP_PORT_FIXED_BITS 48
#define RP_CLASS_ANY 0
#define RP_CLASS_TCP 1
#define RP_CLASS_UDP 2
#define RP_CLASS_ICMP 3
#define RP_CLASS_SCTP 4
#define RP_CLASS_FIRST 16

/* `rules`, a trie: the first rule, in policy order, that holds for a peer. */
struct rp_rule_key {
	__u32 prefix_len;
	__u32 set;
	__u16 class;
	__u8 dir;
	__u8 pad;
	__u8 peer[16];
};

#define RP_RULE_FIXED_BITS 64

struct rp_rule {
	/* Place in the policy; the lowest wins. */
	__u32 rank;
	__u32 rule;
	__u8 verdict;
	__u8 pad[3];
};

/* `flows` */
struct rp_flow_key {
	__u32 label;
	__u16 local_port;
	__u16 peer_port;
	__u8 local[16];
	__u8 peer[16];
	__u8 proto;
	__u8 pad[3];
};

enum rp_flow_flag {
	RP_FLOW_CLOSED = 1,
};

struct rp_flow {
	__u64 first_ns;
	__u64 last_ns;
	__u64 bytes_in;
	__u64 bytes_out;
	__u64 packets_in;
	__u64 packets_out;
	__u64 denied;
	__u32 set;
	__u32 rule;
	__u8 verdict;
	/* Who began it. */
	__u8 dir;
	__u8 flags;
	__u8 pad[5];
};

/* `reported`: when a verdict on this was last told. */
struct rp_report_key {
	__u32 label;
	__u16 port;
	__u8 proto;
	__u8 dir;
	__u8 peer[16];
};

struct rp_report {
	__u64 at_ns;
	__u32 set;
	__u32 pad;
};

/* `sockets`: socket storage. */
struct rp_sock_state {
	__u64 since_ns;
	__u32 label;
	__u32 pid;
	char comm[RP_COMM];
};

/*
 * `call_table`: which calls are told, and what their arguments are. The native numbers come first,
 * then those of the 32-bit table, of socketcall(2), and of io_uring's operations.
 */
#define RP_CALLS_COMPAT 1024
#define RP_CALLS_SOCKET 2048
#define RP_CALLS_URING 2080
#define RP_CALLS 2336

enum rp_call_shape {
	RP_SHAPE_PLAIN = 0,
	/* The result is a file that was opened by its path. */
	RP_SHAPE_OPEN = 1,
	/* The same; flags and mode are in memory. */
	RP_SHAPE_OPEN_HOW = 2,
	/* Told when it makes a descriptor. */
	RP_SHAPE_FCNTL = 3,
	/* Told to the parent when there are new namespaces. */
	RP_SHAPE_CLONE = 4,
	/* The same; flags are in memory. */
	RP_SHAPE_CLONE3 = 5,
	/* An address and its length. */
	RP_SHAPE_ADDRESS = 6,
	/* The same; told when there is one and not lately the same. */
	RP_SHAPE_SEND = 7,
	/* An address and a pointer to its length. */
	RP_SHAPE_RECEIVE = 8,
	/* A message that may hold an address. */
	RP_SHAPE_MESSAGE = 9,
};

enum rp_call_spec_flag {
	RP_SPEC_FAILED = 1,
	RP_SPEC_CRITICAL = 2,
	/* What succeeds is told otherwise. */
	RP_SPEC_ONLY_FAILED = 4,
	/* A call that goes on in the background counts as one that succeeded. */
	RP_SPEC_PENDING = 8,
};

/* Instead of the number of an argument. */
#define RP_ARG_CWD 6
#define RP_ARG_RESULT 7
#define RP_ARG_NONE 255

struct rp_call_spec {
	/* 0: not told. Else which row of user space's table. */
	__u16 call;
	__u8 shape;
	__u8 flags;
	__u8 fd_arg;
	__u8 path_arg;
	/* What a relative path is relative to; none: the text is no path. */
	__u8 dir_arg;
	__u8 other_arg;
	__u8 other_dir_arg;
	__u8 address_arg;
	__u8 pad[2];
};

enum rp_call_match {
	RP_MATCH_NAME = 1,
	RP_MATCH_COMPONENT = 2,
};

/* The only element of `call_config`. */
struct rp_call_config {
	/* Unlabelled processes too. */
	__u8 host;
	/* Opens for reading are told only if a path matches. */
	__u8 filter_reads;
	/* rp_call_match bits that any element of `call_names` has. */
	__u8 matching;
	__u8 prefixes;
	__u32 self_pid;
};

#define RP_CALL_PREFIX 252

/* `call_prefixes`, a trie. */
struct rp_call_prefix {
	/* In bits. */
	__u32 prefix_len;
	__u8 path[RP_CALL_PREFIX];
};

#define RP_CALL_NAME 64

/* `call_names`: zeros after the name. */
struct rp_call_name {
	__u8 name[RP_CALL_NAME];
};

/* `call_seen`: when this was last told. */
struct rp_call_seen {
	__u64 what[4];
	__u32 pid;
	__u32 kind;
};

/* `call_rate`: critical records of a label in a second. */
struct rp_call_rate {
	__u64 second;
	__u64 count;
};

/* Indices of `counters`, per CPU. */
enum rp_counter {
	RP_COUNT_EVENTS = 0,
	RP_COUNT_EVENTS_DROPPED = 1,
	RP_COUNT_CRITICAL = 2,
	RP_COUNT_CRITICAL_DROPPED = 3,
	RP_COUNT_KILLED = 4,
	RP_COUNT_HELD = 5,
	RP_COUNT_CONNECTS_DENIED = 6,
	RP_COUNT_PACKETS_DROPPED = 7,
	RP_COUNT_EXECS_DENIED = 8,
	RP_COUNT_FILES_DENIED = 9,
	RP_COUNT_ACTS_DENIED = 10,
	/* Calls not told because the same had just been told. */
	RP_COUNT_CALLS_REPEATED = 11,
	RP_COUNTERS = 12,
};

#endif
