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
	__u32 pad;
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
		record->flags = RP_DENIED_PATH_CUT;
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
	record->flags = 0;
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

/* Refuses an act that the guard `which` forbids. */
static __always_inline int check_act(__u32 which, __u32 op, __u64 detail)
{
	struct guard guard = {};
	struct denial denial = { .op = op, .reason = RP_REASON_GUARD, .detail = detail };

	if (!enter_for(&guard, which))
		return 0;
	refuse(&guard, &denial);
	return DENY_ERROR;
}

struct name_hash {
	__u64 hash;
	__u32 len;
	__u32 pad;
	__u8 text[RP_NAME];
};

static long hash_step(__u64 i, struct name_hash *name)
{
	if (i >= name->len || i >= RP_NAME)
		return 1;
	name->hash = (name->hash ^ name->text[i & (RP_NAME - 1)]) * 0x100000001b3ULL;
	return 0;
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
	struct name_hash name = { .hash = 0xcbf29ce484222325ULL };
	struct rp_file_rule *rule = 0;
	struct inode *inode, *real;
	struct dentry *dentry, *dir;
	__u64 len;

	if (!guard || !denial)
		return 0;
	dentry = denial->dentry;
	dir = denial->dir;
	inode = BPF_CORE_READ(dir, d_inode);
	len = BPF_CORE_READ(dentry, d_name.len);
	if (!inode || !len || len >= RP_NAME)
		return 0;
	name.len = len;
	/* A bound that the verifier keeps before kernel 6.3: see exec.bpf.c. */
	barrier_var(len);
	len &= RP_NAME - 1;
	if (bpf_probe_read_kernel(name.text, len, BPF_CORE_READ(dentry, d_name.name)))
		return 0;
	bpf_loop(RP_NAME, hash_step, &name, 0);
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

/* The file is run, or its code is mapped. */
static __always_inline int check_code(struct guard *guard, struct file *file, __u32 op)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct denial denial = { .op = op };

	denial.mnt = BPF_CORE_READ(file, f_path.mnt);
	denial.dentry = BPF_CORE_READ(file, f_path.dentry);
	if (!covered(guard, &denial, RP_FILE_NO_EXEC)) {
		__u32 flags = file_flags(inode, task);
		__u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
		__u64 ino = BPF_CORE_READ(inode, i_ino);

		if (op == RP_OP_MAP_EXEC && !(guard->policy_flags & RP_POLICY_DRIFT_CODE))
			return 0;
		denial.reason = exec_reason(guard->label, dev, ino, flags);
		/* The list names programs; a dynamic loader on it may still be mapped. */
		if (op == RP_OP_MAP_EXEC && denial.reason == RP_REASON_DENIED)
			return 0;
		if (!denial.reason)
			return 0;
	}
	refuse(guard, &denial);
	return DENY_ERROR;
}

#endif
