/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A new process: it inherits its parent's label. Threads are not reported. */

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct rp_config *config = configuration();
	struct task_struct *leader = parent->group_leader;
	struct rp_fork record = {};
	struct rp_state *state;
	__u32 flags = 0, label = 0, pid = child->tgid;

	if (!config)
		return 0;
	state = bpf_task_storage_get(&task_state, leader, 0, 0);
	if (state) {
		struct rp_state inherited = *state;

		/* Threads too: one that execs becomes the leader. */
		bpf_task_storage_get(&task_state, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE);
	}
	if (child->pid != child->tgid)
		return 0;
	if (state) {
		label = state->label;
		bpf_map_update_elem(&members, &pid, &label, BPF_ANY);
		compare_cred(state, leader, RP_CAUSE_CHANGED);
	} else if ((state = state_of(child, &flags))) {
		/* clone3 straight into a labelled cgroup. */
		label = state->label;
	} else {
		/* Whoever had this pid before is gone. */
		bpf_map_delete_elem(&members, &pid);
	}
	if (!label && !config->host_events)
		return 0;
	fill_head(&record.head, RP_FORK, sizeof(record));
	fill_task(&record.parent, leader, label);
	record.child_pid = pid;
	record.child_label = label;
	record.child_cgroup_id = cgroup_of(child);
	record.child_start_ns = child->start_boottime;
	send_event(&record, sizeof(record));
	return 0;
}
