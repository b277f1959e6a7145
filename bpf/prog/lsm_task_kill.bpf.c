/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* No signal from a container reaches the agent. */

SEC("lsm/task_kill")
int BPF_PROG(lsm_task_kill, struct task_struct *task, void *info, int sig, const struct cred *cred)
{
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_KILL, .reason = RP_REASON_GUARD };

	if (!sig || !is_agent(task) || !enter(&guard))
		return 0;
	denial.detail = sig;
	refuse(&guard, &denial);
	return DENY_ERROR;
}
