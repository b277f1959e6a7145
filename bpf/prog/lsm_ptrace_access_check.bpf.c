/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One process reaches into another: ptrace, /proc/PID/mem, process_vm_*, pidfd_getfd. Never into
 * the agent, never out of the workload; inside it only where the policy lets it.
 */

#define PTRACE_MODE_ATTACH_ 2

static __always_inline bool is_agent(struct task_struct *task)
{
	struct rp_config *config = configuration();

	return config && config->self_pid && task->tgid == config->self_pid;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(lsm_ptrace_access, struct task_struct *child, unsigned int mode)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_PTRACE, .reason = RP_REASON_GUARD };
	struct rp_state *other;

	if (!(mode & PTRACE_MODE_ATTACH_) || task->tgid == child->tgid || !enter(&guard))
		return 0;
	other = bpf_task_storage_get(&task_state, child, 0, 0);
	denial.detail = child->tgid;
	if (!is_agent(child) && other && other->label == guard.label)
		return guard_act(&guard, &denial, RP_GUARD_PTRACE);
	refuse(&guard, &denial);
	return DENY_ERROR;
}
