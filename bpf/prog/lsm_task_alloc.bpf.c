/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A new task: the label is inherited before it runs, whether or not anybody listens. */

SEC("lsm/task_alloc")
int BPF_PROG(lsm_task_alloc, struct task_struct *child, unsigned long clone_flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_state *state;
	__u32 flags = 0;

	state = state_of(task->group_leader, &flags);
	if (state) {
		struct rp_state inherited = *state;

		bpf_task_storage_get(&task_state, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE);
	}
	return 0;
}
