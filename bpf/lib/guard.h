/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the LSM programs share: whose act it is, whether a rule forbids it, and the report. They
 * need nobody in user space: labels are inherited at fork here, and a denial does not wait for its
 * report to find room.
 */
#ifndef RAMPART_GUARD_H
#define RAMPART_GUARD_H

#define DENY_ERROR (-1) /* EPERM */
#define S_IFMT_ 00170000
#define S_IFREG_ 0100000
#define S_IFDIR_ 0040000

struct guard {
	__u32 label;
	__u32 flags;
	__u32 set;
	__u32 policy_flags;
	__u32 watch;
};

/*
 * The functions below that take these are global, so that the verifier goes through each once a
 * program and not once a call: kernel pointers travel inside the structure.
 */
struct denial {
	struct vfsmount *mnt;
	struct dentry *dentry;
	/* Directory of a name that is about to appear. */
	struct dentry *dir;
	__u64 detail;
	__u32 op;
	__u32 reason;
	__u32 rule;
	/* rp_denied_flag */
	__u32 flags;
};

struct denied_scratch {
	__u64 busy;
	struct rp_denied record;
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct denied_scratch);
} denied_scratch SEC(".maps");

/*
 * The container runtime's helper works inside the container's namespaces before it runs the
 * container's program: it is told by its own program, which is not on the container's root.
 */
static __always_inline bool is_inside(struct rp_state *state, struct task_struct *task)
{
	struct rp_config *config;
	struct super_block *root, *own;

	if (state->flags & RP_STATE_INSIDE)
		return true;
	config = configuration();
	if (!config)
		return false;
	root = BPF_CORE_READ(task, fs, root.mnt, mnt_sb);
	own = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_sb);
	if (root != own || BPF_CORE_READ(root, s_dev) == config->host_root_dev)
		return false;
	state->flags |= RP_STATE_INSIDE;
	return true;
}

/* False: the current task is not under any policy of ours. */
static __always_inline bool enter(struct guard *guard)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_policy *policy;
	struct rp_state *state;
	__u32 flags = 0;

	state = state_of(task->group_leader, &flags);
	if (!state)
		return false;
	guard->label = state->label;
	policy = bpf_map_lookup_elem(&policies, &guard->label);
	if (!policy)
		return false;
	guard->flags = policy->guard;
	guard->set = policy->guard_set;
	guard->policy_flags = policy->flags;
	guard->watch = policy->watch;
	return is_inside(state, task);
}

/* The same, and the policy has one of these guards. */
static __always_inline bool enter_for(struct guard *guard, __u32 guards)
{
	return enter(guard) && (guard->flags & guards);
}

static __always_inline bool is_exempt(struct guard *guard, __u32 rule)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *program = BPF_CORE_READ(task, mm, exe_file, f_inode);

	return program && rule_of(guard->set, rule, program);
}

/* Read in place: a buffer would not fit the stack that a program and its loops share. */
struct name_hash {
	__u64 hash;
	const unsigned char *text;
	__u32 len;
	/* Hashed is what lies between. */
	__u32 from;
	__u32 to;
	__u32 pad;
};

static long hash_step(__u64 i, struct name_hash *name)
{
	__u64 at = name->from + i;
	unsigned char byte = 0;

	if (at >= name->to)
		return 1;
	bpf_probe_read_kernel(&byte, 1, name->text + at);
	name->hash = (name->hash ^ byte) * 0x100000001b3ULL;
	return 0;
}

/* FNV-1a of a part of the name. */
static __always_inline __u64 hash_part(struct name_hash *name, __u32 from, __u32 to)
{
	name->hash = 0xcbf29ce484222325ULL;
	name->from = from;
	name->to = to;
	bpf_loop(RP_NAME, hash_step, name, 0);
	return name->hash;
}

/* The last component of a path; false if it has none that a rule could name. */
static __always_inline bool read_name(struct name_hash *name, struct dentry *dentry)
{
	name->len = BPF_CORE_READ(dentry, d_name.len);
	name->text = BPF_CORE_READ(dentry, d_name.name);
	return name->len && name->len < RP_NAME;
}

struct pattern_walk {
	struct dentry *dentry;
	struct name_hash *name;
	__u32 set;
	__u32 flags;
	__u32 rule;
	__u32 pad;
};

static __always_inline bool fits(struct rp_pattern *pattern, struct name_hash *name)
{
	if (name->len < pattern->prefix_len + pattern->suffix_len)
		return false;
	if (hash_part(name, 0, pattern->prefix_len) != pattern->prefix_hash)
		return false;
	return hash_part(name, name->len - pattern->suffix_len, name->len) == pattern->suffix_hash;
}

struct pattern_try {
	struct rp_file_key key;
	struct pattern_walk *walk;
	__u64 level;
};

static long pattern_step(__u64 i, struct pattern_try *attempt)
{
	struct pattern_walk *walk = attempt->walk;
	struct rp_pattern *pattern;

	attempt->key.rule = i;
	pattern = bpf_map_lookup_elem(&patterns, &attempt->key);
	if (!pattern)
		return 1;
	if (attempt->level && !(pattern->flags & RP_FILE_TREE))
		return 0;
	if (!fits(pattern, walk->name))
		return 0;
	walk->flags = pattern->flags;
	walk->rule = pattern->rule;
	return 1;
}

static __always_inline void pattern_of(struct pattern_walk *walk, struct inode *dir, __u64 level)
{
	struct pattern_try attempt = { .walk = walk, .level = level };

	if (!dir || walk->flags)
		return;
	attempt.key.set = walk->set;
	file_key(&attempt.key, dir);
	bpf_loop(RP_PATTERNS, pattern_step, &attempt, 0);
}

static long directory_step(__u64 i, struct pattern_walk *walk)
{
	struct dentry *dentry = walk->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	struct inode *inode;

	if (parent == dentry)
		return 1;
	walk->dentry = parent;
	inode = BPF_CORE_READ(parent, d_inode);
	if (!inode)
		return 0;
	if (!is_overlay(inode)) {
		pattern_of(walk, inode, i);
	} else {
		pattern_of(walk, BPF_CORE_READ(upper_dentry(inode), d_inode), i);
		pattern_of(walk, BPF_CORE_READ(lower_dentry(inode), d_inode), i);
	}
	return walk->flags != 0;
}

/* The same as `covered`, by the file's name: also one that does not exist yet. */
__noinline int fits_pattern(struct guard *guard, struct denial *denial, __u32 unwanted)
{
	struct name_hash name = {};
	struct pattern_walk walk = { .name = &name };

	if (!guard || !denial || !denial->dentry)
		return 0;
	if (!read_name(&name, denial->dentry))
		return 0;
	walk.dentry = denial->dentry;
	walk.set = guard->set;
	bpf_loop(TREE_STEPS, directory_step, &walk, 0);
	if (!(walk.flags & unwanted))
		return 0;
	if ((walk.flags & RP_FILE_EXEMPT) && is_exempt(guard, walk.rule))
		return 0;
	denial->rule = walk.rule;
	denial->reason = RP_REASON_PROTECTED;
	return 1;
}

/* Which of the `unwanted` flags hold for a file, by itself or through a directory above it. */
__noinline int covered(struct guard *guard, struct denial *denial, __u32 unwanted)
{
	struct tree_walk walk = {};
	__u32 steps;

	if (!guard || !denial)
		return 0;
	walk.dentry = denial->dentry;
	walk.set = guard->set;
	steps = guard->flags & RP_GUARD_TREES ? TREE_STEPS : 1;
	if (!(guard->flags & (RP_GUARD_FILES | RP_GUARD_TREES)))
		return 0;
	bpf_loop(steps, tree_step, &walk, 0);
	if (!(unwanted & walk.flags) && (guard->flags & RP_GUARD_PATTERNS))
		return fits_pattern(guard, denial, unwanted);
	unwanted &= walk.flags;
	if (!unwanted)
		return 0;
	if ((walk.flags & RP_FILE_EXEMPT) && !(unwanted & RP_FILE_NO_EXEC) &&
	    is_exempt(guard, walk.rule))
		return 0;
	denial->rule = walk.rule;
	denial->reason = RP_REASON_PROTECTED;
	return 1;
}

static __always_inline void count_denial(__u32 op)
{
	if (op <= RP_OP_MAP_EXEC)
		count(RP_COUNT_EXECS_DENIED);
	else if (op <= RP_OP_UNMOUNT)
		count(RP_COUNT_FILES_DENIED);
	else
		count(RP_COUNT_ACTS_DENIED);
}

static __always_inline void denied_path(struct denied_scratch *scratch, struct denial *denial,
					struct task_struct *task)
{
	struct rp_denied *record = &scratch->record;
	/* Of its own, so that the structure is not taken for one of the kernel's. */
	struct dentry *dentry = denial->dentry;
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	bool complete = false;
	__u64 at, len;

	record->ino = BPF_CORE_READ(inode, i_ino);
	record->dev = BPF_CORE_READ(dentry, d_sb, s_dev);
	at = walk_path(&scratch->path, denial->mnt, dentry, task, &complete);
	if (!complete)
		record->flags |= RP_DENIED_PATH_CUT;
	if (at >= RP_PATH)
		return;
	len = RP_PATH - at;
	barrier_var(len);
	if (len > RP_PATH)
		return;
	if (!bpf_probe_read_kernel(record->path, len, &scratch->path.text[at & (RP_PATH - 1)]))
		record->path_len = len;
}

/* Reports; the answer is always to refuse. */
__noinline int refuse(struct guard *guard, struct denial *denial)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct denied_scratch *scratch;
	struct rp_denied *record;
	__u32 zero = 0;
	__u64 size;

	if (!guard || !denial)
		return DENY_ERROR;
	if (!(denial->flags & RP_DENIED_WATCHED))
		count_denial(denial->op);
	scratch = bpf_map_lookup_elem(&denied_scratch, &zero);
	if (!scratch)
		return DENY_ERROR;
	/* Another task may have been preempted on this CPU in here. */
	if (__sync_lock_test_and_set(&scratch->busy, 1)) {
		count(RP_COUNT_CRITICAL_DROPPED);
		return DENY_ERROR;
	}
	record = &scratch->record;
	record->op = denial->op;
	record->reason = denial->reason;
	record->rule = denial->rule;
	record->detail = denial->detail;
	record->flags = denial->flags;
	record->path_len = 0;
	record->ino = 0;
	record->dev = 0;
	fill_task(&record->task, task, guard->label);
	if (denial->dentry)
		denied_path(scratch, denial, task);
	size = __builtin_offsetof(struct rp_denied, path) + record->path_len;
	barrier_var(size);
	if (size <= sizeof(*record)) {
		fill_head(&record->head, RP_DENIED, size);
		send_critical(record, size, false);
	}
	__sync_lock_test_and_set(&scratch->busy, 0);
	return DENY_ERROR;
}

/* Refuses an act on a file if a rule has one of the `unwanted` flags. */
static __always_inline int check_file(struct guard *guard, struct vfsmount *mnt,
				      struct dentry *dentry, __u32 unwanted, __u32 op)
{
	struct denial denial = { .mnt = mnt, .dentry = dentry, .op = op };

	if (!covered(guard, &denial, unwanted))
		return 0;
	refuse(guard, &denial);
	return DENY_ERROR;
}

/*
 * Refuses an act that the guard `which` forbids. One that is only watched for takes place, and is
 * told once until the policy is put in force anew.
 */
static __always_inline int guard_act(struct guard *guard, struct denial *denial, __u32 which)
{
	struct rp_policy *policy;

	if (guard->flags & which) {
		refuse(guard, denial);
		return DENY_ERROR;
	}
	if (!(guard->watch & which))
		return 0;
	policy = bpf_map_lookup_elem(&policies, &guard->label);
	if (policy)
		policy->watch &= ~which;
	denial->flags = RP_DENIED_WATCHED;
	refuse(guard, denial);
	return 0;
}

static __always_inline int check_act(__u32 which, __u32 op, __u64 detail)
{
	struct guard guard = {};
	struct denial denial = { .op = op, .reason = RP_REASON_GUARD, .detail = detail };

	if (!enter(&guard))
		return 0;
	return guard_act(&guard, &denial, which);
}

static __always_inline struct rp_file_rule *name_rule(struct guard *guard, struct inode *dir,
						      struct name_hash *name)
{
	struct rp_file_key file = {};
	struct rp_name_key key = {};

	file_key(&file, dir);
	key.set = guard->set;
	key.dev = file.dev;
	key.ino = file.ino;
	key.generation = file.generation;
	key.len = name->len;
	key.hash = name->hash;
	return bpf_map_lookup_elem(&name_rules, &key);
}

/* A protected name that does not exist yet is about to appear. */
__noinline int check_name(struct guard *guard, struct denial *denial)
{
	struct name_hash name = {};
	struct rp_file_rule *rule = 0;
	struct inode *inode, *real;
	struct dentry *dir;

	if (!guard || !denial)
		return 0;
	dir = denial->dir;
	inode = BPF_CORE_READ(dir, d_inode);
	if (!inode || !read_name(&name, denial->dentry))
		return 0;
	hash_part(&name, 0, name.len);
	if (!is_overlay(inode)) {
		rule = name_rule(guard, inode, &name);
	} else {
		real = BPF_CORE_READ(upper_dentry(inode), d_inode);
		if (real)
			rule = name_rule(guard, real, &name);
		real = BPF_CORE_READ(lower_dentry(inode), d_inode);
		if (!rule && real)
			rule = name_rule(guard, real, &name);
	}
	if (!rule)
		return 0;
	if ((rule->flags & RP_FILE_EXEMPT) && is_exempt(guard, rule->rule))
		return 0;
	denial->rule = rule->rule;
	denial->reason = RP_REASON_PROTECTED;
	return 1;
}

/* Something is about to appear in a directory. */
static __always_inline int check_new(struct guard *guard, const struct path *dir,
				     struct dentry *dentry, __u32 op)
{
	struct denial denial = { .mnt = BPF_CORE_READ(dir, mnt), .dentry = dentry, .op = op };

	denial.dir = BPF_CORE_READ(dir, dentry);
	if (!covered(guard, &denial, RP_FILE_NO_WRITE) && !check_name(guard, &denial))
		return 0;
	refuse(guard, &denial);
	return DENY_ERROR;
}

#include "profile.h"

/* Why code of a file may not be mapped; 0 if it may. */
static __always_inline __u32 mapped_reason(struct guard *guard, struct denial *denial, __u32 flags)
{
	__u32 reason = drift_reason(flags);

	if (!reason)
		return 0;
	denial->reason = reason;
	if (guard->policy_flags & RP_POLICY_DRIFT_CODE)
		return reason;
	guard_act(guard, denial, RP_GUARD_DRIFT_CODE);
	return 0;
}

/* The file is run, or its code is mapped. */
static __always_inline int check_code(struct guard *guard, struct file *file, __u32 op)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct denial denial = { .op = op };
	__u32 flags;

	denial.mnt = BPF_CORE_READ(file, f_path.mnt);
	denial.dentry = BPF_CORE_READ(file, f_path.dentry);
	if (covered(guard, &denial, RP_FILE_NO_EXEC))
		goto deny;
	flags = file_flags(inode, task);
	if (op == RP_OP_MAP_EXEC) {
		if (!mapped_reason(guard, &denial, flags))
			return 0;
	} else if (guard->flags & RP_GUARD_PROFILE) {
		if (!profile_refuses(guard, &denial, flags))
			return 0;
	} else {
		denial.reason = exec_reason(guard->label, BPF_CORE_READ(inode, i_sb, s_dev),
					    BPF_CORE_READ(inode, i_ino), flags);
		if (!denial.reason)
			return 0;
	}
deny:
	refuse(guard, &denial);
	return DENY_ERROR;
}

#endif
