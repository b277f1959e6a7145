/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Changes of ids and capabilities, found by comparing with what was last seen. System call
 * tracepoints would slow every system call of the machine; exec, fork, exit, connect and capability checks
 * are passed soon enough by a process that means to use what it gained.
 */
#ifndef RAMPART_CRED_H
#define RAMPART_CRED_H

static __always_inline void report_cred(struct rp_state *state, struct task_struct *task,
					__u8 cause, __u8 capability, __u8 granted)
{
	struct rp_cred record = {};

	fill_head(&record.head, RP_CRED, sizeof(record));
	fill_task(&record.task, task, state->label);
	record.old_uid = state->uid;
	record.old_euid = state->euid;
	record.old_caps = state->caps;
	record.cause = cause;
	record.capability = capability;
	record.granted = granted;
	send_critical(&record, sizeof(record), false);
}

static __always_inline void compare_cred(struct rp_state *state, struct task_struct *task, __u8 cause)
{
	const struct cred *cred = task->real_cred;
	__u32 uid = BPF_CORE_READ(cred, uid.val);
	__u32 euid = BPF_CORE_READ(cred, euid.val);
	__u64 caps = effective_caps(cred);

	if (uid == state->uid && euid == state->euid && caps == state->caps)
		return;
	report_cred(state, task, cause, 0, 0);
	state->uid = uid;
	state->euid = euid;
	state->caps = caps;
}

#endif
