/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The end of a process: its last thread. */

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct rp_config *config = configuration();
	struct task_struct *leader = task->group_leader;
	struct rp_exit record = {};
	struct rp_state *state;
	__u32 flags = 0, label = 0, pid = task->tgid;

	if (!config || BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	state = state_of(leader, &flags);
	if (state) {
		label = state->label;
		if (task == leader)
			compare_cred(state, task, RP_CAUSE_CHANGED);
		bpf_map_delete_elem(&members, &pid);
	}
	if (!label && !config->host_events)
		return 0;
	fill_head(&record.head, RP_EXIT, sizeof(record));
	fill_task(&record.task, leader, label);
	record.status = BPF_CORE_READ(task, signal, group_exit_code);
	if (!record.status)
		record.status = task->exit_code;
	send_event(&record, sizeof(record));
	return 0;
}
