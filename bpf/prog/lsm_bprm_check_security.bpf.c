/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program is about to run; asked again for the interpreter of a script. */

SEC("lsm/bprm_check_security")
int BPF_PROG(lsm_bprm_check, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_config *config = configuration();
	struct guard guard = {};

	/* The first program of a container is run by its runtime, which is not inside yet. */
	if (!enter(&guard)) {
		struct rp_policy *policy;
		struct rp_state *state = bpf_task_storage_get(&task_state, task->group_leader, 0, 0);

		if (!state || !config || !in_container(task, config))
			return 0;
		guard.label = state->label;
		policy = bpf_map_lookup_elem(&policies, &guard.label);
		if (!policy)
			return 0;
		guard.flags = policy->guard;
		guard.set = policy->guard_set;
		guard.policy_flags = policy->flags;
	}
	return check_code(&guard, bprm->file, RP_OP_EXEC);
}
