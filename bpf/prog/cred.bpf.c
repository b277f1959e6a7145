/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A capability is asked for: the moment before ids change, and the moment after they did. */

#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_SETPCAP 8

static __always_inline int capability_asked(int capability, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_state *state;

	if (task->pid != task->tgid)
		return 0;
	state = bpf_task_storage_get(&task_state, task, 0, 0);
	if (!state)
		return 0;
	compare_cred(state, task, RP_CAUSE_CHANGED);
	if (capability >= CAP_SETGID && capability <= CAP_SETPCAP)
		report_cred(state, task, RP_CAUSE_ATTEMPT, capability, ret == 0);
	return 0;
}

SEC("tp_btf/cap_capable")
int BPF_PROG(on_capable, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int capability, int ret)
{
	return capability_asked(capability, ret);
}

/* The tracepoint came with kernel 6.14. */
SEC("fexit/cap_capable")
int BPF_PROG(on_capable_exit, const struct cred *cred, struct user_namespace *target,
	     int capability, unsigned int opts, int ret)
{
	return capability_asked(capability, ret);
}
