/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Profiles: which programs a workload may run. Of all rules that fit a program the one of the
 * lowest rank decides, and without one it is refused. Where a rule speaks of what the kernel does
 * not know (the name an applet is called by), its entry allows and user space decides.
 */
#ifndef RAMPART_PROFILE_H
#define RAMPART_PROFILE_H

/* Parents that are looked at. */
#define PARENT_STEPS 32

struct program_find {
	/* The file or directory that is looked for. */
	__u64 ino;
	__u32 dev;
	__u32 generation;
	/* Of the program's own name. */
	__u64 name;
	struct dentry *dentry;
	struct task_struct *task;
	__u32 set;
	__u32 uid;
	__u32 rank;
	__u32 flags;
	__u32 host_pid_ns;
	__u32 pad;
};

#define NO_RANK 0xffffffff

/* Global: the verifier goes through it once, and not for every place that is looked at. */
__noinline int try_key(struct program_find *find, __u32 kind, __u64 hash)
{
	struct rp_program_key key = { .kind = kind, .hash = hash, .uid = RP_ANY_UID };
	struct rp_program *found;

	if (!find)
		return 0;
	key.set = find->set;
	key.ino = find->ino;
	key.dev = find->dev;
	key.generation = find->generation;
	found = bpf_map_lookup_elem(&programs, &key);
	if (found && found->rank < find->rank) {
		find->rank = found->rank;
		find->flags = found->flags;
	}
	key.uid = find->uid;
	found = bpf_map_lookup_elem(&programs, &key);
	if (found && found->rank < find->rank) {
		find->rank = found->rank;
		find->flags = found->flags;
	}
	return 0;
}

/* Points at a file on disk; false if there is none. */
static __always_inline bool at_inode(struct program_find *find, struct inode *inode)
{
	if (!inode)
		return false;
	find->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	find->ino = BPF_CORE_READ(inode, i_ino);
	find->generation = BPF_CORE_READ(inode, i_generation);
	return true;
}

static __always_inline void at_nothing(struct program_find *find)
{
	find->dev = 0;
	find->ino = 0;
	find->generation = 0;
}

/* One layer's directory above the program. */
static __always_inline void try_directory(struct program_find *find, struct inode *dir, __u64 level)
{
	if (!at_inode(find, dir))
		return;
	if (!level)
		try_key(find, RP_PROGRAM_NAME, find->name);
	try_key(find, RP_PROGRAM_BELOW, find->name);
	try_key(find, RP_PROGRAM_BELOW, 0);
}

static long above_step(__u64 i, struct program_find *find)
{
	struct dentry *dentry = find->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	struct inode *inode;

	if (parent == dentry)
		return 1;
	find->dentry = parent;
	inode = BPF_CORE_READ(parent, d_inode);
	if (!inode)
		return 0;
	if (!is_overlay(inode)) {
		try_directory(find, inode, i);
	} else {
		try_directory(find, BPF_CORE_READ(upper_dentry(inode), d_inode), i);
		try_directory(find, BPF_CORE_READ(lower_dentry(inode), d_inode), i);
	}
	return 0;
}

static __always_inline void try_file(struct program_find *find, __u32 kind, struct inode *inode)
{
	if (!is_overlay(inode)) {
		if (at_inode(find, inode))
			try_key(find, kind, 0);
		return;
	}
	if (at_inode(find, BPF_CORE_READ(upper_dentry(inode), d_inode)))
		try_key(find, kind, 0);
	if (at_inode(find, BPF_CORE_READ(lower_dentry(inode), d_inode)))
		try_key(find, kind, 0);
}

static __always_inline __u64 name_of(struct dentry *dentry)
{
	struct name_hash name = {};

	return read_name(&name, dentry) ? hash_part(&name, 0, name.len) : 0;
}

static __always_inline __u32 pid_ns_inum(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	unsigned int level = BPF_CORE_READ(pid, level);
	struct upid upid = {};

	bpf_core_read(&upid, sizeof(upid), &pid->numbers[level & 31]);
	return BPF_CORE_READ(upid.ns, ns.inum);
}

/* Whether a parent may start what the program is not allowed for by itself. */
static long parent_step(__u64 i, struct program_find *find)
{
	struct task_struct *task = find->task, *parent = BPF_CORE_READ(task, real_parent);
	struct file *exe;
	struct inode *inode;

	if (!parent || parent == task)
		return 1;
	/* Parents of the container's own first process are not the container's. */
	if (find->host_pid_ns && pid_ns_inum(parent) == find->host_pid_ns)
		return 1;
	find->task = parent;
	exe = BPF_CORE_READ(parent, mm, exe_file);
	inode = BPF_CORE_READ(exe, f_inode);
	if (!inode)
		return 0;
	try_file(find, RP_PROGRAM_PARENT, inode);
	at_nothing(find);
	try_key(find, RP_PROGRAM_PARENT, name_of(BPF_CORE_READ(exe, f_path.dentry)));
	return find->rank != NO_RANK;
}

static __always_inline void try_parents(struct program_find *find)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_config *config = configuration();
	__u32 host = config ? config->host_pid_ns : 0;

	/* A container in the host's pid namespace has no such border. */
	find->host_pid_ns = pid_ns_inum(task) == host ? 0 : host;
	find->task = task->group_leader;
	bpf_loop(PARENT_STEPS, parent_step, find, 0);
}

/* The rule that decides for a program, into `find`. */
static __noinline int find_program(struct guard *guard, struct denial *denial, struct program_find *find)
{
	struct dentry *dentry;
	struct inode *inode;

	if (!guard || !denial || !find)
		return 0;
	dentry = denial->dentry;
	find->dentry = dentry;
	inode = BPF_CORE_READ(dentry, d_inode);
	if (!inode)
		return 0;
	find->name = name_of(dentry);
	try_file(find, RP_PROGRAM_FILE, inode);
	at_nothing(find);
	try_key(find, RP_PROGRAM_NAME, find->name);
	try_key(find, RP_PROGRAM_NAME, 0);
	bpf_loop(guard->flags & RP_GUARD_BELOW ? TREE_STEPS : 1, above_step, find, 0);
	if (find->rank == NO_RANK && (guard->flags & RP_GUARD_PARENTS))
		try_parents(find);
	return 0;
}

/* Whether the listed files say something of it: rp_verdict, or RP_LEARN for nothing. */
static __always_inline __u32 listed_verdict(struct guard *guard, struct inode *inode)
{
	struct rp_policy *policy = bpf_map_lookup_elem(&policies, &guard->label);
	struct rp_exec_key key = {};
	__u32 *listed;

	if (!policy)
		return RP_LEARN;
	key.set = policy->set;
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key.ino = BPF_CORE_READ(inode, i_ino);
	listed = bpf_map_lookup_elem(&exec_verdicts, &key);
	return listed ? *listed : RP_LEARN;
}

static __noinline bool profile_refuses(struct guard *guard, struct denial *denial, __u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct program_find find = { .rank = NO_RANK };
	struct dentry *dentry = denial->dentry;
	__u32 listed = listed_verdict(guard, BPF_CORE_READ(dentry, d_inode));

	denial->reason = RP_REASON_DENIED;
	if (listed == RP_DENY)
		return true;
	find.set = guard->set;
	find.uid = BPF_CORE_READ(task, cred, uid.val);
	find_program(guard, denial, &find);
	denial->reason = RP_REASON_PROFILE;
	if (find.rank == NO_RANK)
		return true;
	if (find.flags & RP_PROGRAM_DENY) {
		denial->rule = find.rank + 1;
		return true;
	}
	denial->reason = RP_REASON_FILELESS;
	if (flags & RP_EXEC_UNLINKED)
		return true;
	if (!(guard->flags & RP_GUARD_ZERO_DRIFT) || (find.flags & RP_PROGRAM_UPDATE) ||
	    listed == RP_ALLOW)
		return false;
	denial->reason = RP_REASON_DROPPED;
	return flags & (RP_EXEC_UPPER | RP_EXEC_FOREIGN);
}

#endif
