/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who a task is: its label, its namespaces, its ids. */
#ifndef RAMPART_TASK_H
#define RAMPART_TASK_H

static __always_inline __u64 cgroup_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline __u64 effective_caps(const struct cred *cred)
{
	__u64 caps = 0;

	bpf_core_read(&caps, sizeof(caps), &cred->cap_effective);
	return caps;
}

static __always_inline void note_ids(struct rp_state *state, struct task_struct *task)
{
	const struct cred *cred = task->real_cred;

	state->uid = BPF_CORE_READ(cred, uid.val);
	state->euid = BPF_CORE_READ(cred, euid.val);
	state->caps = effective_caps(cred);
}

/* Label of a cgroup; `flags` receives its flags, 0 when it is not known at all. */
static __always_inline __u32 cgroup_label(__u64 id, __u32 *flags)
{
	struct rp_label *found = bpf_map_lookup_elem(&labels, &id);

	if (!found)
		return 0;
	*flags = found->flags;
	return found->label;
}

static __always_inline struct rp_state *set_label(struct task_struct *leader, __u32 label)
{
	struct rp_state fresh = { .label = label };
	__u32 pid = leader->tgid;

	note_ids(&fresh, leader);
	bpf_map_update_elem(&members, &pid, &label, BPF_ANY);
	return bpf_task_storage_get(&task_state, leader, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/*
 * State of a labelled process, made at first sight from its cgroup; NULL for the host's. A label
 * stays with the process and its children when they leave the cgroup.
 */
static __always_inline struct rp_state *state_of(struct task_struct *leader, __u32 *flags)
{
	struct rp_state *state = bpf_task_storage_get(&task_state, leader, 0, 0);
	__u32 label;

	if (state)
		return state;
	label = cgroup_label(cgroup_of(leader), flags);
	if (!label)
		return 0;
	return set_label(leader, label);
}

static __always_inline __u32 mount_ns_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

static __always_inline void pid_ns_of(struct task_struct *task, __u32 *ns, __u32 *ns_pid)
{
	struct pid *pid = task->thread_pid;
	unsigned int level = BPF_CORE_READ(pid, level);
	struct upid upid = {};

	bpf_core_read(&upid, sizeof(upid), &pid->numbers[level & 31]);
	*ns_pid = upid.nr;
	*ns = BPF_CORE_READ(upid.ns, ns.inum);
}

static __always_inline __u32 root_dev_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, fs, root.mnt, mnt_sb, s_dev);
}

/*
 * In a container: another mount namespace than the host's, and either another pid namespace or a
 * root of its own. Services with private mounts have neither.
 */
static __always_inline bool in_container(struct task_struct *task, struct rp_config *config)
{
	__u32 pid_ns, ns_pid, mount_ns = mount_ns_of(task);

	if (mount_ns == config->host_mount_ns || mount_ns == 0)
		return false;
	pid_ns_of(task, &pid_ns, &ns_pid);
	return pid_ns != config->host_pid_ns || root_dev_of(task) != config->host_root_dev;
}

static __always_inline __u32 tty_of(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	__u32 major, minor;

	if (!tty)
		return 0;
	major = BPF_CORE_READ(tty, driver, major);
	minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

static __always_inline void fill_task(struct rp_task *out, struct task_struct *task, __u32 label)
{
	const struct cred *cred = task->real_cred;

	out->pid = task->tgid;
	out->tid = task->pid;
	out->ppid = BPF_CORE_READ(task, real_parent, tgid);
	out->label = label;
	out->cgroup_id = cgroup_of(task);
	out->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	out->caps = effective_caps(cred);
	out->uid = BPF_CORE_READ(cred, uid.val);
	out->euid = BPF_CORE_READ(cred, euid.val);
	out->gid = BPF_CORE_READ(cred, gid.val);
	out->egid = BPF_CORE_READ(cred, egid.val);
	out->mount_ns = mount_ns_of(task);
	pid_ns_of(task, &out->pid_ns, &out->ns_pid);
	out->tty = tty_of(task);
	bpf_core_read(&out->comm, sizeof(out->comm), &task->comm);
}

static __always_inline void fill_head(struct rp_head *head, __u32 kind, __u32 size)
{
	head->kind = kind;
	head->size = size;
	head->at_ns = bpf_ktime_get_boot_ns();
}

#endif
