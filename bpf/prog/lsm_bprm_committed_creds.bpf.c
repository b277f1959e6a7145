/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program runs: from now on the process is the container's own. */

SEC("lsm/bprm_committed_creds")
int BPF_PROG(lsm_bprm_committed, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_config *config = configuration();
	struct rp_state *state = bpf_task_storage_get(&task_state, task->group_leader, 0, 0);

	if (state && config && !(state->flags & RP_STATE_INSIDE) && in_container(task, config))
		state->flags |= RP_STATE_INSIDE;
	return 0;
}
